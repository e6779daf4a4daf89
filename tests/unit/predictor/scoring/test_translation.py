"""Which estimators have a native form, and what is said of the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from tests.unit.predictor.scoring.estimators import INPUTS, NATIVE, estimator, labels, readings
from weld_bundle.audit import CLASSIFIERS
from weld_bundle.fit import public_name
from weld_predictor.scoring.forms import Ensemble, Linear, Link, MalformedTreeError
from weld_predictor.scoring.translation import UntranslatableError, translate


def fitted(estimator: Any) -> Any:
    values = readings(80, seed=1)
    return estimator.fit(values, labels(values, categories=False))


class Derived(RandomForestClassifier):  # type: ignore[misc]  # scikit-learn's types are not followed
    """Someone's own forest."""


UNTRANSLATABLE: dict[str, tuple[Callable[[], Any], str]] = {
    "calibrated": (lambda: estimator("calibrated"), "CalibratedClassifierCV has no native form"),
    "another type": (lambda: fitted(GaussianNB()), "GaussianNB has no native form"),
    "a derived type": (lambda: fitted(Derived(3)), "Derived has no native form"),
    "another step": (lambda: fitted(make_pipeline(MinMaxScaler(), LogisticRegression())), "MinMaxScaler has no native"),
    "a last step": (lambda: fitted(make_pipeline(StandardScaler(), GaussianNB())), "GaussianNB has no native form"),
    "another start": (
        lambda: fitted(GradientBoostingClassifier(init=LogisticRegression(), n_estimators=2)),
        "starts with a LogisticRegression",
    ),
    "a start by chance": (
        lambda: fitted(GradientBoostingClassifier(init=DummyClassifier(strategy="uniform"), n_estimators=2)),
        "starts with something else than the prior",
    ),
}


@pytest.mark.parametrize("case", UNTRANSLATABLE)
def test_what_is_not_known_to_be_right_is_refused_with_a_reason(case: str) -> None:
    make, sentence = UNTRANSLATABLE[case]
    with pytest.raises(UntranslatableError, match=sentence):
        translate(make())


def test_several_outputs_are_refused() -> None:
    values = readings(80, seed=1)
    both = np.stack([labels(values, categories=False)] * 2, axis=1)
    forest = RandomForestClassifier(3, random_state=0).fit(values, both)
    forest.classes_ = np.array([0, 1])
    with pytest.raises(UntranslatableError, match="several outputs"):
        translate(forest)


def test_categories_behind_a_scaler_are_refused() -> None:
    values = readings(80, seed=1, categories=True)
    inner = HistGradientBoostingClassifier(max_iter=2, categorical_features=[2])
    pipeline = make_pipeline(StandardScaler(with_mean=False, with_std=False), inner)
    with pytest.raises(UntranslatableError, match="categories behind a scaler"):
        translate(pipeline.fit(values, labels(values, categories=True)))


def test_all_classifiers_of_bundles_have_a_native_form_but_calibrated_ones() -> None:
    kinds = {type(estimator(kind)) for kind in NATIVE}
    names = {public_name(f"{kind.__module__}.{kind.__qualname__}") for kind in kinds}
    assert {public_name(name) for name in CLASSIFIERS} - names == {"sklearn.calibration.CalibratedClassifierCV"}


@pytest.mark.parametrize(
    ("kind", "narrow", "takes_nan", "takes_infinite", "link"),
    [
        ("histogram boosting", False, True, True, Link.EXPIT),
        ("gradient boosting", True, False, False, Link.EXPIT),
        ("gradient boosting with the exponential loss", True, False, False, Link.EXPIT_OF_TWICE),
        ("forest", True, True, False, Link.IDENTITY),
        ("tree", True, True, False, Link.IDENTITY),
        ("logistic regression", False, False, False, Link.EXPIT),
    ],
)
def test_the_frame_is_the_estimators(
    kind: str, narrow: bool, takes_nan: bool, takes_infinite: bool, link: Link
) -> None:
    form = translate(estimator(kind)).form
    frame = form.frame
    assert (frame.features, frame.scaling.shape) == (INPUTS, (0, 2, INPUTS))
    assert (frame.narrow, frame.takes_nan, frame.takes_infinite, form.link) == (narrow, takes_nan, takes_infinite, link)


def test_scalers_are_kept_in_their_order() -> None:
    pipeline = estimator("twice scaled logistic regression")
    first, second = pipeline.steps[0][1], pipeline.steps[2][1]
    form = translate(pipeline).form
    assert isinstance(form, Linear)
    none, one = np.zeros(INPUTS), np.ones(INPUTS)
    np.testing.assert_array_equal(form.frame.scaling, [[none, first.scale_], [second.mean_, one]])


def test_a_tree_that_points_outside_of_itself_is_refused() -> None:
    boosted = fitted(HistGradientBoostingClassifier(max_iter=2))
    boosted._predictors[1][0].nodes["left"][0] = 10_000
    with pytest.raises(MalformedTreeError, match="outside of its tree"):
        translate(boosted)


def test_trees_stay_in_their_order() -> None:
    boosted = estimator("histogram boosting")
    form = translate(boosted).form
    assert isinstance(form, Ensemble)
    sizes = [len(predictor.nodes) for [predictor] in boosted._predictors]
    assert np.diff(form.trees.starts).tolist() == sizes
    values = np.concatenate([predictor.nodes["value"] for [predictor] in boosted._predictors])
    np.testing.assert_array_equal(form.trees.value, values)
