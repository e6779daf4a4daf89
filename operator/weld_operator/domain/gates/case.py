"""One gate at one look: what it asked and was answered, and how a verdict about it is put."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from weld_api.gate import Gate
from weld_api.rollout_status import GateVerdict
from weld_operator.domain.gates.context import Trial
from weld_operator.domain.gates.measurement import Question, Reading
from weld_operator.domain.gates.verdict import Finding, Verdict


@dataclass(frozen=True)
class Estimate:
    """What the samples say. `lower` and `upper` are equal to `value` where nothing is random.

    `found`: a clause with the numbers. `demand`: what may be at the most or must be at the least. `counted`: of what
    the samples are. `if_undecided`: what would help.
    """

    value: float
    lower: float
    upper: float
    samples: int
    floor: int
    found: str
    demand: str
    counted: str
    least: float | None = None
    most: float | None = None
    if_undecided: str = "more must be counted"


@dataclass(frozen=True)
class Case:
    """A gate, the trial, and the answers to its questions by their roles.

    `error`: probability, over all looks, that the interval of this gate in this phase misses the truth.
    """

    gate: Gate
    trial: Trial
    answers: Mapping[str, Reading]
    error: float
    now: datetime

    @property
    def newest(self) -> datetime | None:
        """The newest sample of the answer that is oldest; None where one of them has none."""
        times = [each.newest for each in self.answers.values()]
        known = [each for each in times if each is not None]
        return min(known) if known and len(known) == len(times) else None

    def numbers(self) -> Iterator[float]:
        for answer in self.answers.values():
            yield from answer.values.values()

    def verdict(self, word: GateVerdict, reason: str, message: str, found: Estimate | None = None) -> Verdict:
        """`message` is one sentence without its full stop."""
        since = [each.since for each in self.answers.values() if each.since is not None]
        queries = dict.fromkeys(each.query for each in self.answers.values() if each.query)
        finding = Finding(query="; ".join(queries), since=max(since, default=None), newest=self.newest)
        if found is not None:
            # Of an interval without an end, as of a ratio to what is hardly known, the end is left out.
            upper = found.upper if math.isfinite(found.upper) else None
            finding = replace(finding, value=found.value, samples=found.samples, lower=found.lower, upper=upper)
        return Verdict(self.gate.name, word, reason, message, finding)

    def insufficient(self, reason: str, message: str, found: Estimate | None = None) -> Verdict:
        return self.verdict("InsufficientEvidence", reason, message, found)


class Kind(Protocol):
    """One kind of gate."""

    is_random: bool
    """Whether its verdict can be wrong by chance, so that it needs its part of the error probability."""

    def asks(self, gate: Gate, trial: Trial, /) -> Mapping[str, Question]:
        """Its questions by their roles."""

    def judge(self, case: Case) -> Verdict:
        """The verdict that follows from the answers to all of them."""
