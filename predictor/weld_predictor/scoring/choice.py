"""Which scorer serves a bundle: the native one where it answers as scikit-learn does, else scikit-learn."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weld_api.card import BundleCard
from weld_api.predictor_settings import PredictorSettings
from weld_bundle.loading import load
from weld_predictor.cores import usable_cores
from weld_predictor.scoring.forms import Ensemble, MalformedTreeError
from weld_predictor.scoring.native import NativeScorer, NotBuiltError
from weld_predictor.scoring.reference import ReferenceScorer
from weld_predictor.scoring.scorer import Scorer
from weld_predictor.scoring.translation import UntranslatableError, translate
from weld_predictor.scoring.verification import TOLERANCE, Comparison, compare, verification_readings

_log = logging.getLogger(__name__)


def load_scorer(settings: PredictorSettings) -> Scorer:
    """A warm scorer of the bundle of `settings`. Raises BundleError as `weld_bundle.loading.load` does."""
    bundle = load(settings.bundle, settings.digest)
    scorer = choose_scorer(bundle.estimator, bundle.card, usable_cores())
    if not isinstance(scorer, NativeScorer):
        _log.warning("not scored natively", extra={"scorer": scorer.name, "reason": scorer.reason})
    warm_up(scorer, bundle.card, settings.max_readings)
    return scorer


def choose_scorer(estimator: Any, card: BundleCard, threads: int = 1) -> Scorer:
    """The scorer of an estimator that fits its card; `threads` share a large batch."""
    try:
        scorer = NativeScorer(estimator, threads=threads)
        found = compare(scorer, ReferenceScorer(estimator), verification_readings(card, _thresholds(estimator)))
    except (NotBuiltError, UntranslatableError) as error:
        return ReferenceScorer(estimator, str(error))
    except MalformedTreeError as error:
        return ReferenceScorer(estimator, f"native scorer refused: {error}")
    if not found.are_equal:
        return ReferenceScorer(estimator, _difference(found))
    scorer.reason = f"as scikit-learn within {TOLERANCE:g} on {found.readings} readings"
    return scorer


def warm_up(scorer: Scorer, card: BundleCard, readings: int) -> None:
    """Score one reading and then `readings` of them, so that no client waits for what only the first pass does."""
    middle = np.array([(column.minimum + column.maximum) / 2 for column in card.inputs], np.float32)
    for count in (1, readings):
        scorer.risk(np.tile(middle, (count, 1)))


def _difference(found: Comparison) -> str:
    return (
        f"native scorer differs by up to {found.largest:.2g} "
        f"on {found.differing} of {found.readings} verification readings"
    )


def _thresholds(estimator: Any) -> list[NDArray[np.float64]]:
    """Of each feature; none where the trees do not see the features as they come."""
    form = translate(estimator).form
    if not isinstance(form, Ensemble) or len(form.frame.scaling):
        return []
    inner = form.trees.inner
    return [
        np.unique(form.trees.threshold[inner & (form.trees.feature == feature)])
        for feature in range(form.frame.features)
    ]
