"""What a gate says, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from weld_api.rollout_status import GateVerdict


@dataclass(frozen=True)
class Finding:
    """What a verdict rests on: the value, the number of samples, the interval, what was asked and when."""

    value: float | None = None
    samples: int = 0
    lower: float | None = None
    upper: float | None = None
    query: str = ""
    since: datetime | None = None
    newest: datetime | None = None


@dataclass(frozen=True)
class Verdict:
    """One gate's verdict: a word for programs, a sentence for people, and what it rests on."""

    gate: str
    verdict: GateVerdict
    reason: str
    message: str
    finding: Finding = Finding()
