"""How long a bench takes, and how much it can be believed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """Rounds, and seconds of each measurement."""

    rounds: int
    seconds: float
    warmup: float
    pipeline: float
    """Of the whole pipeline at its own rate."""
    pipeline_fourfold: float
    overload: float
    intake: float
    """With and without the memory of sensors, each."""
    intake_pairs: int
    hostile: float
    """With and without requests that nobody should send, each."""
    hostile_pairs: int
    """In turn, as the machine's own speed changes within seconds."""
    hostile_requests: int
    hostile_patience: float
    """Seconds until a request that nobody should send counts as not answered."""
    offered: float
    """At each offered rate."""


FULL = Effort(
    rounds=5,
    seconds=4,
    warmup=1,
    pipeline=600,
    pipeline_fourfold=60,
    overload=60,
    intake=1,
    intake_pairs=30,
    hostile=7,
    hostile_pairs=21,
    hostile_requests=2_000,
    hostile_patience=20,
    offered=5,
)
QUICK = Effort(
    rounds=3,
    seconds=1,
    warmup=0.5,
    pipeline=20,
    pipeline_fourfold=8,
    overload=6,
    intake=0.5,
    intake_pairs=9,
    hostile=2,
    hostile_pairs=9,
    hostile_requests=300,
    hostile_patience=20,
    offered=1,
)
