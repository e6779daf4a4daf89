"""Readings that were scored, and what a candidate may make of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tests.unit.predictor.requests import numbered, readings
from weld_predictor.answer import Answer
from weld_predictor.intake.flags import Flag
from weld_predictor.intake.readings import Readings
from weld_predictor.shadow.batch import Batch, Scored
from weld_predictor.shadow.wire import Candidate

FEATURES = 2
DIGEST = "b0" * 32
CANDIDATE = Candidate(DIGEST, ("echo_0", "echo_1"), ("pressure",), 40_000)


def scored(
    count: int,
    seed: int = 0,
    *,
    fresh: NDArray[np.bool_] | None = None,
    by_number: bool = False,
    unread: Mapping[str, NDArray[np.float32]] | None = None,
) -> Scored:
    """`count` readings of two features, whose risk is the first of them, at risk from one half on."""
    given = readings(count, FEATURES, seed=seed)
    given = numbered(given) if by_number else given
    risk = np.abs(given.features[:, 0])
    answer = Answer(risk, (risk >= 0.5).astype(np.uint8), np.zeros(count, np.uint32))
    return Scored(Readings(given.features, given.sensor_id, given.sampled_at, unread=unread), answer, fresh)


def batch(
    count: int, seed: int = 0, *, by_number: bool = False, context: Mapping[str, list[float]] | None = None
) -> Batch:
    """The same as a batch."""
    given = scored(count, seed, by_number=by_number)
    plant = {name: np.array(values, np.float32) for name, values in (context or {}).items()}
    return Batch(
        given.readings.features,
        given.readings.sensor_id,
        given.readings.sampled_at,
        plant,
        given.answer.risk,
        given.answer.decision,
    )


def answered(given: Batch, shift: float = 0.0, *, turned: int = 0, unscored: int = 0) -> Answer:
    """A candidate's answer with another risk; it decides otherwise of the first `turned`, and scores no last ones."""
    decision = given.decision.copy()
    decision[:turned] ^= 1
    flags = np.zeros(len(given), np.uint32)
    flags[len(given) - unscored :] = Flag.NOT_SCORED
    return Answer(np.clip(given.risk + np.float32(shift), 0, 1), decision, flags)
