"""Trees as the kernel wants them, and that the samples cover both layouts and all that is special in them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.unit.predictor.scoring.estimators import NATIVE, TREES, estimator
from weld_predictor.scoring import _native
from weld_predictor.scoring.forms import NO_CHILD, NO_SET, Ensemble, MalformedTreeError, Trees
from weld_predictor.scoring.layout import make_kernel, sweep_layout, walk_layout
from weld_predictor.scoring.translation import translate


def ensemble(kind: str) -> Ensemble:
    form = translate(estimator(kind)).form
    assert isinstance(form, Ensemble)
    return form


def sweep_of(kind: str) -> dict[str, Any]:
    form = ensemble(kind)
    return sweep_layout(form.trees, form.frame.features, _native.MOST_LEAVES)[1]


def trees(**changes: Any) -> Trees:
    """A root with two leaves, and a tree of one leaf."""
    arrays: dict[str, Any] = {
        "starts": np.array([0, 3, 4]),
        "feature": np.array([1, -2, -2, -2]),
        "threshold": np.array([0.5, 0.0, 0.0, 0.0]),
        "missing_left": np.zeros(4, np.bool_),
        "category_set": np.full(4, NO_SET),
        "left": np.array([1, NO_CHILD, NO_CHILD, NO_CHILD]),
        "right": np.array([2, NO_CHILD, NO_CHILD, NO_CHILD]),
        "value": np.array([0.0, 1.0, 2.0, 3.0]),
        "sets": np.empty((0, 32), np.uint8),
    }
    return Trees(**{**arrays, **changes})


def test_the_samples_have_trees_to_sweep_and_trees_to_walk() -> None:
    large = {kind for kind in TREES if ensemble(kind).trees.leaves().max() > _native.MOST_LEAVES}
    assert {"forest of large trees", "extra tree", "histogram boosting of large trees with categories"} <= large
    assert {"histogram boosting", "gradient boosting", "forest of small trees"} <= set(TREES) - large


def test_the_samples_have_features_with_more_thresholds_than_a_byte_can_rank() -> None:
    arrays = sweep_of("forest")
    assert np.diff(arrays["cut_starts"]).max() > 254
    assert arrays["columns"][:, 1].max() == 254


def test_the_samples_have_splits_of_missing_values_alone_and_of_categories() -> None:
    assert any(np.isinf(ensemble(kind).trees.threshold[ensemble(kind).trees.inner]).any() for kind in TREES)
    both = "histogram boosting with categories", "histogram boosting of large trees with categories"
    assert all(len(ensemble(kind).trees.sets) for kind in both)


@pytest.mark.parametrize("kind", [kind for kind in NATIVE if "regression" not in kind])
def test_both_layouts_keep_every_leaf_and_split(kind: str) -> None:
    form = ensemble(kind)
    walk_values, walk = walk_layout(form.trees)
    inner = walk["node_left"] != np.arange(len(walk_values))
    leaves = np.sort(form.trees.value[~form.trees.inner])
    np.testing.assert_array_equal(np.sort(walk_values[~inner]), leaves)
    numeric = form.trees.inner & (form.trees.category_set == NO_SET)
    split = walk["columns"][walk["node_column"][inner], 3] == NO_SET
    thresholds = np.sort(walk["node_threshold"][inner][split])
    np.testing.assert_array_equal(thresholds, np.sort(form.trees.threshold[numeric]))
    sweep_values, sweep = sweep_layout(form.trees, form.frame.features, 1 << 14)
    np.testing.assert_array_equal(np.sort(sweep_values), leaves)
    assert len(sweep["node_bound"]) == form.trees.inner.sum()


def test_sound_trees_are_taken() -> None:
    trees().check(2)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"starts": np.array([0])}, "no nodes"),
        ({"starts": np.array([0, 4, 4])}, "no nodes"),
        ({"starts": np.array([1, 3, 4])}, "no nodes"),
        ({"starts": np.array([0, 3, 5])}, "no nodes"),
        ({"left": np.array([0, -1, -1, -1])}, "outside of its tree"),
        ({"left": np.array([3, -1, -1, -1])}, "outside of its tree"),
        ({"right": np.array([-7, -1, -1, -1])}, "outside of its tree"),
        ({"right": np.array([1, -1, -1, -1])}, "several parents"),
        ({"left": np.array([-1, -1, -1, -1])}, "several parents, or none"),
        ({"feature": np.array([2, 0, 0, 0])}, "beyond the 2"),
        ({"feature": np.array([-1, 0, 0, 0])}, "beyond the 2"),
        ({"category_set": np.array([0, -1, -1, -1])}, "categories that are not there"),
        ({"category_set": np.array([-2, -1, -1, -1])}, "categories that are not there"),
        ({"threshold": np.array([np.nan, 0, 0, 0])}, "not a number"),
    ],
)
def test_malformed_trees_are_refused(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(MalformedTreeError, match=sentence):
        trees(**changes).check(2)


def test_a_walk_and_a_sweep_of_the_same_trees_agree() -> None:
    form = ensemble("forest of small trees")
    features = np.random.default_rng(0).normal(size=(100, form.frame.features))
    swept, walked = np.empty(100), np.empty(100)
    make_kernel(_native, form).score(features, swept)
    make_kernel(_native, form, most_leaves=0).score(features, walked)
    np.testing.assert_array_equal(swept, walked)
