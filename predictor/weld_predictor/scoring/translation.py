"""From a fitted scikit-learn estimator to plain arrays.

Only what is known to be right is translated: these types and no classes derived from them. All else is refused with a
reason, and stays with scikit-learn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier
from sklearn.utils import get_tags

from weld_predictor.scoring.forms import (
    CATEGORIES,
    NO_CHILD,
    NO_SET,
    SET_BYTES,
    Ensemble,
    Form,
    Frame,
    Linear,
    Link,
    Trees,
)
from weld_predictor.scoring.scorer import AT_RISK, Features, check_classes

_LINKS = {"HalfBinomialLoss": Link.EXPIT, "ExponentialLoss": Link.EXPIT_OF_TWICE}
"""By the loss of a boosting."""


class UntranslatableError(Exception):
    """The estimator has no such form; the text says why, as the end of a sentence."""


@dataclass(frozen=True, slots=True)
class Translation:
    """An estimator as arrays."""

    form: Form
    encode: Callable[[Features], NDArray[np.float64]] | None = None
    """What numbers the categories before, where there are any."""


def translate(estimator: Any) -> Translation:
    """Raises UntranslatableError, ClassesError, and MalformedTreeError."""
    check_classes(estimator)
    if type(estimator) is Pipeline:
        return _of_pipeline(estimator)
    if type(estimator) not in _TRANSLATORS:
        raise UntranslatableError(f"{type(estimator).__name__} has no native form")
    translation = _TRANSLATORS[type(estimator)](estimator)
    if isinstance(translation.form, Ensemble):
        translation.form.trees.check(translation.form.frame.features)
    return translation


def _of_pipeline(pipeline: Any) -> Translation:
    steps = [step for _, step in pipeline.steps]
    scalers = [step for step in steps[:-1] if step is not None and not isinstance(step, str)]
    for scaler in scalers:
        if type(scaler) is not StandardScaler:
            raise UntranslatableError(f"{type(scaler).__name__} has no native form")
    translation = translate(steps[-1])
    if not scalers:
        return translation
    if translation.encode is not None:
        raise UntranslatableError("categories behind a scaler have no native form")
    form = translation.form
    scaling = np.array([_scaling(scaler, form.frame.features) for scaler in scalers])
    return Translation(replace(form, frame=replace(form.frame, scaling=scaling)))


def _scaling(scaler: Any, features: int) -> NDArray[np.float64]:
    """[2, F]."""
    centre = scaler.mean_ if scaler.with_mean else np.zeros(features)
    scale = scaler.scale_ if scaler.with_std else np.ones(features)
    return np.array([centre, scale], np.float64)


def _frame(estimator: Any, *, narrow: bool, takes_nan: bool, takes_infinite: bool = False) -> Frame:
    features = int(estimator.n_features_in_)
    return Frame(features, np.empty((0, 2, features)), narrow, takes_nan, takes_infinite)


def _of_logistic_regression(estimator: Any) -> Translation:
    frame = _frame(estimator, narrow=False, takes_nan=False)
    coefficients = np.ascontiguousarray(estimator.coef_[0], np.float64)
    return Translation(Linear(frame, coefficients, float(np.ravel(estimator.intercept_)[0]), Link.EXPIT))


def _of_tree(estimator: Any) -> Translation:
    return Translation(_forest(estimator, [estimator]))


def _of_forest(estimator: Any) -> Translation:
    return Translation(_forest(estimator, estimator.estimators_))


def _forest(estimator: Any, members: list[Any]) -> Ensemble:
    if estimator.n_outputs_ != 1:
        raise UntranslatableError("several outputs have no native form")
    takes_nan = bool(get_tags(estimator).input_tags.allow_nan)
    trees = _trees([_nodes(member.tree_, member.tree_.value[:, 0, AT_RISK]) for member in members])
    frame = _frame(estimator, narrow=True, takes_nan=takes_nan)
    return Ensemble(frame, trees, start=0.0, divisor=float(len(members)), link=Link.IDENTITY)


def _of_boosting(estimator: Any) -> Translation:
    if not isinstance(estimator.init_, str) and type(estimator.init_) is not DummyClassifier:
        raise UntranslatableError(f"a boosting that starts with a {type(estimator.init_).__name__} has no native form")
    if type(estimator.init_) is DummyClassifier and estimator.init_.strategy != "prior":
        raise UntranslatableError("a boosting that starts with something else than the prior has no native form")
    frame = _frame(estimator, narrow=True, takes_nan=False)
    start = estimator._raw_predict_init(np.zeros((1, frame.features), np.float32))
    rate = float(estimator.learning_rate)
    members = [member.tree_ for member in estimator.estimators_[:, 0]]
    trees = _trees([_nodes(tree, rate * tree.value[:, 0, 0]) for tree in members])
    return Translation(Ensemble(frame, trees, float(start[0, 0]), 1.0, _link(estimator)))


def _of_histogram_boosting(estimator: Any) -> Translation:
    encoder = getattr(estimator, "_preprocessor", None)
    frame = _frame(estimator, narrow=False, takes_nan=True, takes_infinite=True)
    known, rows = estimator._bin_mapper.make_known_categories_bitsets()
    trees = _trees([_histogram_nodes(predictor, known, rows) for [predictor] in estimator._predictors])
    start = float(np.ravel(estimator._baseline_prediction)[0])
    return Translation(
        Ensemble(frame, trees, start, 1.0, _link(estimator)), None if encoder is None else _encode_with(encoder)
    )


def _encode_with(encoder: Any) -> Callable[[Features], NDArray[np.float64]]:
    return lambda features: np.ascontiguousarray(encoder.transform(features), np.float64)


def _link(estimator: Any) -> Link:
    loss = type(estimator._loss).__name__
    if loss not in _LINKS:
        raise UntranslatableError(f"the loss {loss} has no native form")
    return _LINKS[loss]


_TRANSLATORS: dict[type, Callable[[Any], Translation]] = {
    DecisionTreeClassifier: _of_tree,
    ExtraTreeClassifier: _of_tree,
    ExtraTreesClassifier: _of_forest,
    GradientBoostingClassifier: _of_boosting,
    HistGradientBoostingClassifier: _of_histogram_boosting,
    LogisticRegression: _of_logistic_regression,
    RandomForestClassifier: _of_forest,
}


@dataclass(frozen=True, slots=True)
class _Nodes:
    """As `Trees`, of one tree."""

    feature: NDArray[Any]
    threshold: NDArray[Any]
    missing_left: NDArray[Any]
    category_set: NDArray[Any]
    left: NDArray[Any]
    right: NDArray[Any]
    value: NDArray[Any]
    sets: NDArray[np.uint8]


_NO_SETS = np.empty((0, SET_BYTES), np.uint8)


def _nodes(tree: Any, value: NDArray[Any]) -> _Nodes:
    """Of a `sklearn.tree._tree.Tree`."""
    no_sets = np.full(tree.node_count, NO_SET)
    left, right = tree.children_left, tree.children_right
    return _Nodes(tree.feature, tree.threshold, tree.missing_go_to_left, no_sets, left, right, value, _NO_SETS)


def _histogram_nodes(predictor: Any, known: NDArray[Any], rows: NDArray[Any]) -> _Nodes:
    """Of a tree of histogram gradient boosting."""
    nodes = predictor.nodes
    leaf = nodes["is_leaf"] != 0
    left, right = (np.where(leaf, NO_CHILD, nodes[name].astype(np.int64)) for name in ("left", "right"))
    category_set = np.full(len(nodes), NO_SET)
    sets: list[NDArray[np.uint8]] = []
    for node in np.flatnonzero(~leaf & (nodes["is_categorical"] != 0)):
        category_set[node] = len(sets)
        goes_left = _bits(predictor.raw_left_cat_bitsets[nodes["bitset_idx"][node]])
        unknown = ~_bits(known[rows[nodes["feature_idx"][node]]])
        sets.append(goes_left | (unknown if nodes["missing_go_to_left"][node] else np.uint8(0)))
    return _Nodes(
        nodes["feature_idx"],
        nodes["num_threshold"],
        nodes["missing_go_to_left"],
        category_set,
        left,
        right,
        nodes["value"],
        np.array(sets, np.uint8).reshape(-1, SET_BYTES),
    )


def _bits(words: NDArray[Any]) -> NDArray[np.uint8]:
    """Of scikit-learn's sets: 8 words of 32 bits, the lowest category in the lowest bit."""
    if words.shape != (CATEGORIES // 32,):
        raise UntranslatableError("its sets of categories are of another size than those that are known")
    return np.ascontiguousarray(words, "<u4").view(np.uint8)


def _trees(members: list[_Nodes]) -> Trees:
    if not members:
        raise UntranslatableError("it has no trees")
    first_sets = np.cumsum([0, *(len(member.sets) for member in members[:-1])])
    category_sets = [
        np.where(member.category_set == NO_SET, NO_SET, member.category_set + first)
        for member, first in zip(members, first_sets, strict=True)
    ]
    return Trees(
        starts=np.cumsum([0, *(len(member.feature) for member in members)], dtype=np.intc),
        feature=np.concatenate([member.feature for member in members]).astype(np.intc),
        threshold=np.concatenate([member.threshold for member in members]).astype(np.float64),
        missing_left=np.concatenate([member.missing_left for member in members]).astype(np.bool_),
        category_set=np.concatenate(category_sets).astype(np.intc),
        left=np.concatenate([member.left for member in members]).astype(np.intc),
        right=np.concatenate([member.right for member in members]).astype(np.intc),
        value=np.concatenate([member.value for member in members]).astype(np.float64),
        sets=np.concatenate([member.sets for member in members]),
    )
