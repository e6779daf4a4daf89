"""Two answers to the same readings, compared reading by reading."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

from weld_predictor.answer import Answer
from weld_predictor.intake.flags import Flag, has
from weld_predictor.shadow.batch import Batch


@dataclass(frozen=True, slots=True)
class Comparison:
    """Of N readings that were scored here; risk is the candidate's less that of here."""

    agreed: int
    """Readings on which both decide alike."""
    disagreed: int
    unpaired: int
    """Readings that the candidate did not score."""
    rise: float
    """Sum of the differences of risk that are positive."""
    fall: float
    """Sum of the others, without their sign."""
    squares: float
    """Sum of their squares."""

    @classmethod
    def of(cls, batch: Batch, answer: Answer) -> Self:
        """`answer` is the candidate's, to all of `batch`."""
        paired = ~has(answer.flags, Flag.NOT_SCORED)
        alike = (answer.decision == batch.decision) & paired
        shift = np.subtract(answer.risk, batch.risk, dtype=np.float64)[paired]
        total, absolute = float(shift.sum()), float(np.abs(shift).sum())
        compared, agreed = int(np.count_nonzero(paired)), int(np.count_nonzero(alike))
        return cls(
            agreed=agreed,
            disagreed=compared - agreed,
            unpaired=len(batch) - compared,
            rise=max((absolute + total) / 2, 0.0),
            fall=max((absolute - total) / 2, 0.0),
            squares=float(np.dot(shift, shift)),
        )

    @property
    def compared(self) -> int:
        return self.agreed + self.disagreed


@dataclass(frozen=True, slots=True)
class Inputs:
    """What two models ask for: inputs by name, and the plant's among them."""

    both: frozenset[str]
    stable: frozenset[str]
    """Those that only the model that answers takes."""
    candidate: frozenset[str]
    """Those that only the candidate takes."""
    context: frozenset[str]
    """Of all, those that the plant measures: they may be missing."""

    @classmethod
    def of(
        cls, stable: frozenset[str], stable_context: frozenset[str], candidate: frozenset[str], context: frozenset[str]
    ) -> Self:
        """Each model's inputs, and its context among them."""
        return cls(stable & candidate, stable - candidate, candidate - stable, stable_context | context)

    def came(self, batch: Batch) -> Iterator[tuple[str, str, int]]:
        """Of each input its name, which model takes it (both, stable or candidate), and in how many readings it came.

        What a sensor measures came with every one, as without it nothing is scored.
        """
        for takes, names in (("both", self.both), ("stable", self.stable), ("candidate", self.candidate)):
            for name in sorted(names):
                yield name, takes, self._count(batch, name)

    def _count(self, batch: Batch, name: str) -> int:
        if name not in self.context:
            return len(batch)
        values = batch.context.get(name)
        return 0 if values is None else int(np.count_nonzero(~np.isnan(values)))
