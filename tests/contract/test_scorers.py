"""What every scorer does, for every estimator that it takes: answers, and refuses, as scikit-learn does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_limits

from tests.unit.predictor.scoring.estimators import (
    CATEGORIES,
    INPUTS,
    KINDS,
    NATIVE,
    TREES,
    at_thresholds,
    estimator,
    readings,
    unusual,
)
from weld_predictor.scoring.native import NativeScorer
from weld_predictor.scoring.reference import ReferenceScorer
from weld_predictor.scoring.scorer import ClassesError, Scorer
from weld_predictor.scoring.verification import TOLERANCE

SCORERS: dict[str, Callable[[Any], Scorer]] = {
    "scikit-learn": ReferenceScorer,
    "native": NativeScorer,
    "native, two threads": lambda fitted: NativeScorer(fitted, threads=2),
}
MANY = 2_500
"""Readings, enough to be shared by threads."""

CASES = [
    pytest.param(make, kind, id=f"{name}-{kind}")
    for name, make in SCORERS.items()
    for kind in (KINDS if make is ReferenceScorer else NATIVE)
]
every_scorer = pytest.mark.parametrize(("make", "kind"), CASES)
Make = Callable[[Any], Scorer]


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Keeps scikit-learn from spinning on cores that other processes need."""
    with threadpool_limits(1):
        yield


def own_answer(kind: str, features: NDArray[Any]) -> NDArray[np.float64] | None:
    """scikit-learn's, None where it refuses."""
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(estimator(kind).predict_proba(features)[:, 1], np.float64)
    except ValueError:
        return None


def check(scorer: Scorer, kind: str, features: NDArray[Any]) -> None:
    """The scorer does with the features what the estimator does; trees to the bit."""
    expected = own_answer(kind, features)
    if expected is None:
        with pytest.raises(ValueError, match="contains"):
            scorer.risk(features)
        return
    risk = scorer.risk(features)
    assert risk.dtype == np.float64
    assert risk.shape == (len(features),)
    if "regression" in kind:
        np.testing.assert_allclose(risk, expected, rtol=0, atol=TOLERANCE)
    else:
        np.testing.assert_array_equal(risk, expected)


@every_scorer
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", [1, 15, 64, 65, MANY])
def test_readings_get_the_estimators_probability(make: Make, kind: str, dtype: type, count: int) -> None:
    check(make(estimator(kind)), kind, readings(count, seed=3, categories=kind in CATEGORIES).astype(dtype))


@every_scorer
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_missing_values_are_treated_as_the_estimator_treats_them(make: Make, kind: str, dtype: type) -> None:
    scorer, categories = make(estimator(kind)), kind in CATEGORIES
    check(scorer, kind, readings(MANY, seed=4, missing=0.3, categories=categories).astype(dtype))
    check(scorer, kind, np.full((3, INPUTS), np.nan, dtype))


@every_scorer
@pytest.mark.parametrize("value", [np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_infinite_values_are_treated_as_the_estimator_treats_them(
    make: Make, kind: str, value: float, dtype: type
) -> None:
    features: NDArray[Any] = readings(70, seed=5, categories=kind in CATEGORIES).astype(dtype)
    features[::7, 0] = value
    check(make(estimator(kind)), kind, features)


@every_scorer
def test_values_that_only_float64_holds_are_treated_as_the_estimator_treats_them(make: Make, kind: str) -> None:
    features = readings(70, seed=5, categories=kind in CATEGORIES).astype(np.float64)
    features[::7, 1] = 1e300
    check(make(estimator(kind)), kind, features)
    features[::7, 1] = 1e-310
    check(make(estimator(kind)), kind, features)


@pytest.mark.parametrize("make", SCORERS.values(), ids=SCORERS)
@pytest.mark.parametrize("kind", TREES)
def test_values_at_a_threshold_go_where_the_estimator_sends_them(make: Make, kind: str) -> None:
    scorer, features = make(estimator(kind)), at_thresholds(kind)
    check(scorer, kind, features)
    check(scorer, kind, features.astype(np.float32))


@every_scorer
def test_extreme_values_are_scored(make: Make, kind: str) -> None:
    check(make(estimator(kind)), kind, unusual())
    check(make(estimator(kind)), kind, unusual().astype(np.float64))


@pytest.mark.parametrize("make", SCORERS.values(), ids=SCORERS)
@pytest.mark.parametrize("kind", CATEGORIES)
def test_categories_that_training_never_saw_are_treated_as_the_estimator_treats_them(make: Make, kind: str) -> None:
    features = readings(400, seed=8, missing=0.1, categories=True)
    features[:, 2] = np.random.default_rng(0).choice(np.array([-3, 2, 5, 11, 12, 40, 300, 1e9], np.float32), 400)
    check(make(estimator(kind)), kind, features)


@every_scorer
def test_no_readings_risk_depends_on_the_others(make: Make, kind: str) -> None:
    scorer = make(estimator(kind))
    features = readings(200, seed=9, categories=kind in CATEGORIES)
    together = scorer.risk(features)
    order = np.random.default_rng(0).permutation(len(features))
    alone = np.concatenate([scorer.risk(features[[row]]) for row in range(len(features))])
    # scikit-learn's linear estimators add up in another order for other sizes.
    exact = 0 if make is not ReferenceScorer or "regression" not in kind else TOLERANCE
    np.testing.assert_allclose(alone, together, rtol=0, atol=exact)
    np.testing.assert_allclose(scorer.risk(features[order]), together[order], rtol=0, atol=exact)


@every_scorer
def test_features_are_left_as_they_are(make: Make, kind: str) -> None:
    features = readings(30, seed=10, categories=kind in CATEGORIES)
    before = features.copy()
    features.flags.writeable = False
    check(make(estimator(kind)), kind, features)
    np.testing.assert_array_equal(features, before)


@every_scorer
def test_rows_that_are_not_side_by_side_in_memory_are_scored(make: Make, kind: str) -> None:
    features = readings(90, seed=11, categories=kind in CATEGORIES)
    check(make(estimator(kind)), kind, features[::3])
    check(make(estimator(kind)), kind, np.asfortranarray(features))


@every_scorer
@pytest.mark.parametrize("columns", [0, INPUTS - 1, INPUTS + 1])
def test_features_of_another_number_are_refused(make: Make, kind: str, columns: int) -> None:
    with pytest.raises(ValueError, match=r"\d"):
        make(estimator(kind)).risk(np.zeros((4, columns), np.float32))


@pytest.mark.parametrize("make", SCORERS.values(), ids=SCORERS)
@pytest.mark.parametrize("classes", [1, 3])
def test_an_estimator_of_one_class_or_of_three_is_refused(make: Make, classes: int) -> None:
    features = readings(60, seed=12)
    fitted = RandomForestClassifier(3, random_state=0).fit(features, np.arange(60) % classes)
    with pytest.raises(ClassesError, match="must tell two classes apart"):
        make(fitted)


@pytest.mark.parametrize("make", SCORERS.values(), ids=SCORERS)
def test_risk_is_that_of_the_second_class_whatever_the_labels_are_called(make: Make) -> None:
    features = readings(60, seed=12)
    fitted = DecisionTreeClassifier(max_depth=2, random_state=0).fit(features, np.where(features[:, 0] > 0, "a", "b"))
    np.testing.assert_array_equal(make(fitted).risk(features), fitted.predict_proba(features)[:, 1])


@pytest.mark.parametrize("make", SCORERS.values(), ids=SCORERS)
def test_an_estimator_that_is_not_fitted_is_refused(make: Make) -> None:
    with pytest.raises((ClassesError, NotFittedError)):
        make(LogisticRegression())


@every_scorer
def test_a_scorer_says_its_name_and_why(make: Make, kind: str) -> None:
    scorer = make(estimator(kind))
    assert scorer.name == ("scikit-learn" if make is ReferenceScorer else "native")
    assert scorer.reason
