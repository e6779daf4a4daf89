"""Readings that were scored here, with what came of them: what is forwarded and compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from weld_predictor.answer import Answer
from weld_predictor.intake.flags import Flag, has
from weld_predictor.intake.form import InputForm
from weld_predictor.intake.memory import Recollection
from weld_predictor.intake.readings import Readings


@dataclass(frozen=True, slots=True)
class Scored:
    """N readings of one pass, in the order in which they were answered."""

    readings: Readings
    answer: Answer
    fresh: NDArray[np.bool_] | None = None
    """[N], those that were scored in this very pass; None for all of them.

    An answer that was remembered or carried forward belongs to another pass or another reading, and what is not scored
    has no answer to compare.
    """
    ascans: NDArray[np.int16] | None = None
    """[N, S], where they came as waveforms."""

    @property
    def fresh_count(self) -> int:
        return len(self.answer) if self.fresh is None else int(np.count_nonzero(self.fresh))


def fresh_rows(answer: Answer, recollection: Recollection | None) -> NDArray[np.bool_] | None:
    """As `Scored.fresh`; `recollection`: None where every reading was to be scored."""
    scored = ~has(answer.flags, Flag.NOT_SCORED)
    if recollection is not None and len(recollection.rows) < len(scored):
        recalled = np.ones(len(scored), np.bool_)
        recalled[recollection.rows] = False
        scored &= ~recalled
    return None if scored.all() else scored


def scored_parts(scored: Scored, parts: Sequence[tuple[int, NDArray[np.int16] | None]]) -> Iterator[Scored]:
    """`scored` whole, or where some of it came as waveforms, part by part; of each the readings, and the waveforms."""
    if all(ascans is None for _, ascans in parts):
        yield scored
        return
    start = 0
    for count, ascans in parts:
        stop = start + count
        fresh = None if scored.fresh is None else scored.fresh[start:stop]
        yield Scored(scored.readings.part(start, stop), scored.answer.part(start, stop), fresh, ascans)
        start = stop


@dataclass(frozen=True, slots=True)
class Batch:
    """N readings as a client sent them, and their answer."""

    measured: NDArray[Any]
    """`features` float32 [N, M], or `ascans` int16 [N, S]."""
    sensor_id: NDArray[Any]
    """[N], int64 or bytes."""
    sampled_at: NDArray[np.int64]
    """[N], Unix time in milliseconds."""
    context: Mapping[str, NDArray[np.float32]]
    """What the plant measured, [N] each, NaN where it did not come."""
    risk: NDArray[np.float32]
    decision: NDArray[np.uint8]

    @classmethod
    def of(cls, scored: Scored, form: InputForm) -> Self:
        """All of `scored`."""
        readings = scored.readings
        features = readings.features
        return cls(
            features[:, form.measured_columns] if scored.ascans is None else scored.ascans,
            readings.sensor_id,
            readings.sampled_at,
            {**{name: features[:, column] for name, column in form.context.items()}, **(readings.unread or {})},
            scored.answer.risk,
            scored.answer.decision,
        )

    def __len__(self) -> int:
        return len(self.risk)

    @property
    def nbytes(self) -> int:
        """Of what is kept."""
        arrays = (self.measured, self.sensor_id, self.sampled_at, self.risk, self.decision, *self.context.values())
        return sum([array.nbytes for array in arrays])

    @property
    def kind(self) -> tuple[bool, bool]:
        """Batches of one kind can be joined: whether they are waveforms, and whether sensors go by number."""
        return self.measured.dtype == np.int16, self.sensor_id.dtype == np.int64

    def take(self, rows: slice | NDArray[np.intp]) -> Batch:
        """Some of the readings."""
        return Batch(
            self.measured[rows],
            self.sensor_id[rows],
            self.sampled_at[rows],
            {name: values[rows] for name, values in self.context.items()},
            self.risk[rows],
            self.decision[rows],
        )


def join(batches: Sequence[Batch]) -> Batch:
    """All in one, in their order; they are of one kind."""
    if len(batches) == 1:
        return batches[0]
    names = sorted({name for batch in batches for name in batch.context})
    return Batch(
        np.concatenate([batch.measured for batch in batches]),
        np.concatenate([batch.sensor_id for batch in batches]),
        np.concatenate([batch.sampled_at for batch in batches]),
        {name: np.concatenate([_context(batch, name) for batch in batches]) for name in names},
        np.concatenate([batch.risk for batch in batches]),
        np.concatenate([batch.decision for batch in batches]),
    )


def _context(batch: Batch, name: str) -> NDArray[np.float32]:
    values = batch.context.get(name)
    return np.full(len(batch), np.nan, np.float32) if values is None else values
