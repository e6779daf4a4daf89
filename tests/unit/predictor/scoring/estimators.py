"""Fitted estimators of every kind that is scored, on small made-up readings, and readings to score."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier
from threadpoolctl import threadpool_limits

from weld_predictor.scoring.forms import Ensemble
from weld_predictor.scoring.translation import translate

INPUTS = 6
CATEGORICAL = 2
"""Column of whole numbers from 0 to 11, where an estimator takes categories."""

Readings = NDArray[np.float32]


def readings(count: int, seed: int, *, missing: float = 0.0, categories: bool = False) -> Readings:
    source = np.random.default_rng(seed)
    values = source.normal(size=(count, INPUTS)).astype(np.float32)
    if categories:
        values[:, CATEGORICAL] = source.integers(0, 12, count)
    values[source.random(values.shape) < missing] = np.nan
    return values


def labels(values: Readings, categories: bool) -> NDArray[np.int64]:
    known = np.nan_to_num(values)
    odd = known[:, CATEGORICAL] % 3 == 1 if categories else known[:, CATEGORICAL] > 0.8
    noise = np.random.default_rng(1).normal(scale=0.3, size=len(known))
    at_risk = (known[:, 0] + known[:, 1] * known[:, 3] + noise > 0.4) ^ odd | np.isnan(values[:, 4])
    return at_risk.astype(np.int64)


def _fit(estimator: Any, *, missing: float = 0.0, categories: bool = False, at_random: bool = False) -> Any:
    """`at_random`: with labels that say nothing, for which large trees grow."""
    values = readings(1800 if at_random else 900, seed=0, missing=missing, categories=categories)
    classes = np.random.default_rng(2).integers(0, 2, len(values)) if at_random else labels(values, categories)
    # These are too small to share among threads.
    with threadpool_limits(1):
        return estimator.fit(values, classes)


def _boosted(**settings: Any) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(**{"max_iter": 20, "random_state": 0, **settings})


_RECIPES: Mapping[str, Callable[[], Any]] = {
    "histogram boosting": lambda: _fit(_boosted()),
    "histogram boosting with missing values": lambda: _fit(_boosted(), missing=0.2),
    "histogram boosting with categories": lambda: _fit(
        _boosted(categorical_features=[CATEGORICAL]), missing=0.1, categories=True
    ),
    "histogram boosting of one leaf": lambda: _fit(_boosted(min_samples_leaf=800)),
    "histogram boosting of stumps": lambda: _fit(_boosted(max_depth=1), missing=0.2),
    "histogram boosting of large trees": lambda: _fit(
        _boosted(max_iter=2, max_leaf_nodes=None, min_samples_leaf=1), missing=0.1, at_random=True
    ),
    "histogram boosting of large trees with categories": lambda: _fit(
        _boosted(max_iter=2, max_leaf_nodes=None, min_samples_leaf=1, categorical_features=[CATEGORICAL]),
        missing=0.1,
        categories=True,
        at_random=True,
    ),
    "gradient boosting": lambda: _fit(GradientBoostingClassifier(random_state=0)),
    "gradient boosting with the exponential loss": lambda: _fit(
        GradientBoostingClassifier(loss="exponential", n_estimators=20, learning_rate=0.3, random_state=0)
    ),
    "gradient boosting from zero": lambda: _fit(
        GradientBoostingClassifier(init="zero", n_estimators=20, subsample=0.5, random_state=0)
    ),
    "forest": lambda: _fit(RandomForestClassifier(n_estimators=12, random_state=0)),
    "forest with missing values": lambda: _fit(RandomForestClassifier(n_estimators=12, random_state=0), missing=0.2),
    "forest of small trees": lambda: _fit(RandomForestClassifier(n_estimators=12, max_depth=4, random_state=0)),
    "forest of large trees": lambda: _fit(RandomForestClassifier(n_estimators=12, random_state=0), at_random=True),
    "extra trees": lambda: _fit(ExtraTreesClassifier(n_estimators=12, random_state=0), missing=0.1),
    "tree": lambda: _fit(DecisionTreeClassifier(random_state=0), missing=0.1),
    "tree of one leaf": lambda: _fit(DecisionTreeClassifier(min_samples_leaf=800)),
    "extra tree": lambda: _fit(ExtraTreeClassifier(random_state=0), missing=0.1, at_random=True),
    "logistic regression": lambda: _fit(LogisticRegression()),
    "logistic regression without intercept": lambda: _fit(LogisticRegression(fit_intercept=False)),
    "scaled logistic regression": lambda: _fit(make_pipeline(StandardScaler(), LogisticRegression())),
    "twice scaled logistic regression": lambda: _fit(
        make_pipeline(
            StandardScaler(with_mean=False), "passthrough", StandardScaler(with_std=False), LogisticRegression()
        )
    ),
    "scaled histogram boosting": lambda: _fit(make_pipeline(StandardScaler(), _boosted()), missing=0.1),
    "scaled forest": lambda: _fit(make_pipeline(StandardScaler(), RandomForestClassifier(12, random_state=0))),
    "scaled gradient boosting": lambda: _fit(
        make_pipeline(StandardScaler(), GradientBoostingClassifier(n_estimators=20, random_state=0))
    ),
    "pipeline of one step": lambda: _fit(make_pipeline(_boosted()), missing=0.1),
}
NATIVE = tuple(_RECIPES)
"""Kinds that have a native form."""

_FOREIGN: Mapping[str, Callable[[], Any]] = {
    "calibrated": lambda: _fit(CalibratedClassifierCV(_boosted(), cv=2)),
}
KINDS = (*NATIVE, *_FOREIGN)

CATEGORIES = tuple(kind for kind in KINDS if "categories" in kind)
"""Kinds that take categories."""
TREES = tuple(kind for kind in NATIVE if "regression" not in kind and "scaled" not in kind)
"""Kinds whose trees see the inputs as they come."""


@cache
def estimator(kind: str) -> Any:
    """The fitted estimator of a kind, one of `KINDS`."""
    return {**_RECIPES, **_FOREIGN}[kind]()


@cache
def thresholds(kind: str) -> tuple[NDArray[np.float64], ...]:
    """Of each input, those that the trees of a kind, one of `TREES`, compare it with."""
    form = translate(estimator(kind)).form
    assert isinstance(form, Ensemble)
    trees = form.trees
    return tuple(trees.threshold[trees.inner & (trees.feature == feature)] for feature in range(INPUTS))


def at_thresholds(kind: str) -> NDArray[np.float64]:
    """Readings whose every value is a threshold of its input, or next to one in float32 or in float64."""
    batch = readings(600, seed=5).astype(np.float64)
    source = np.random.default_rng(6)
    for column, values in enumerate(thresholds(kind)):
        finite = values[np.isfinite(values)]
        if len(finite):
            exact = source.choice(finite, len(batch))
            near32 = np.nextafter(exact.astype(np.float32), np.float32(-np.inf)).astype(np.float64)
            steps = [exact, np.nextafter(exact, np.inf), np.nextafter(exact, -np.inf), exact.astype(np.float32), near32]
            batch[:, column] = np.choose(source.integers(0, len(steps), len(batch)), steps)
    return batch


def unusual(seed: int = 7) -> Readings:
    """Readings that are finite but no measurement: zeros of both signs, subnormal, huge and tiny values."""
    float32 = np.finfo(np.float32)
    values = [0.0, -0.0, float32.smallest_subnormal, -float32.smallest_subnormal, float32.tiny, 1e18, -1e18, 1e-30]
    return np.random.default_rng(seed).choice(np.array(values, np.float32), (300, INPUTS))
