"""Whether an estimator and its card belong together."""

from __future__ import annotations

from typing import Any

import numpy as np

from weld_api.card import BundleCard
from weld_bundle.errors import BundleError
from weld_bundle.manifest import CARD, ESTIMATOR


def public_name(full_name: str) -> str:
    """`sklearn.ensemble._gb.GradientBoostingClassifier` -> `sklearn.ensemble.GradientBoostingClassifier`."""
    *modules, name = full_name.split(".")
    private = next((index for index, module in enumerate(modules) if module.startswith("_")), len(modules))
    return ".".join([*modules[:private], name])


def check_statements(card: BundleCard, estimator: str, library_version: str) -> None:
    """Check what the card says of the estimator's type (full name) and of the scikit-learn that stored it.

    Raises BundleError.
    """
    if card.estimator != public_name(estimator):
        raise BundleError(f"{CARD} says estimator {card.estimator}, but {ESTIMATOR} is a {public_name(estimator)}")
    if (stated := card.libraries["scikit-learn"]) != library_version:
        raise BundleError(f"{CARD} says scikit-learn {stated}, but {ESTIMATOR} was stored by {library_version}")


def check_fit(estimator: Any, card: BundleCard) -> None:
    """Check that the estimator takes the card's inputs and answers with the probability of being at risk.

    Raises BundleError.
    """
    name = public_name(f"{type(estimator).__module__}.{type(estimator).__qualname__}")
    if not hasattr(estimator, "predict_proba"):
        raise BundleError(f"{ESTIMATOR}: {name} has no predict_proba, so it cannot give a risk")
    if hasattr(estimator, "feature_names_in_"):
        raise BundleError(f"{ESTIMATOR} was fitted on a data frame; fit it on an array, the card names the inputs")
    inputs, expected = len(card.inputs), getattr(estimator, "n_features_in_", None)
    if expected != inputs:
        raise BundleError(f"{CARD} does not fit {ESTIMATOR}: {inputs} inputs, but the estimator takes {expected}")
    classes = getattr(estimator, "classes_", None)
    if not isinstance(classes, np.ndarray) or classes.tolist() != [0, 1]:
        raise BundleError(f"{ESTIMATOR} must tell 0 (sound) from 1 (at risk); its classes are {classes}")
    _check_scores(estimator, card)


def _check_scores(estimator: Any, card: BundleCard) -> None:
    """Score the two ends of the inputs' ranges."""
    ends = [[model_input.minimum for model_input in card.inputs], [model_input.maximum for model_input in card.inputs]]
    try:
        scores = np.asarray(estimator.predict_proba(np.array(ends, dtype=np.float32)), dtype=np.float64)
    except Exception as error:  # an estimator with a broken state can raise anything
        raise BundleError(f"{ESTIMATOR} cannot score a reading: {' '.join(str(error).split())}") from error
    if scores.shape != (2, 2) or not ((scores >= 0) & (scores <= 1)).all():
        raise BundleError(f"{ESTIMATOR} does not answer with probabilities for readings within the card's ranges")
