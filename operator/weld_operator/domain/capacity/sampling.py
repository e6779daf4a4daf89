"""What a sampling policy saves, and the detection delay and recall that it costs."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Policy:
    """Which readings of a sensor are scored."""

    name: str
    scored_share: float
    """Of the readings, on average."""
    mean_delay: float
    worst_delay: float
    """Seconds from when a flaw shows to the first reading of it that is scored."""
    recall: float
    """Of what shows only for a while."""


def every_reading(recall: float, tick: float) -> Policy:
    """All: a flaw that shows between two readings is seen in the next."""
    return Policy("All", 1.0, tick / 2, tick, recall)


def every_nth(nth: int, recall: float, tick: float, shows_for: float) -> Policy:
    """EveryNth: one reading in `nth` is scored, whenever the flaw begins to show.

    The time to the next scored reading is evenly distributed over nth ticks, so a flaw that shows for a shorter time is
    seen with the probability shows_for / (nth tick). Readings of one flaw are taken to be alike: to score more of them
    finds no more than `recall`.
    """
    period = nth * tick
    return Policy(f"EveryNth {nth}", 1 / nth, period / 2, period, recall * min(1.0, shows_for / period))


def on_change(
    changing: float, below_dead_band: float, silence: float, recall: float, tick: float, shows_for: float
) -> Policy:
    """OnChange: a reading is scored if it leaves the dead band, or if none was for `silence` seconds.

    With readings that change independently with probability `changing`, q, the gap between scored ones is geometric
    and cut off at K = silence / tick readings: its mean is (1 - (1 - q)^K) / q (a renewal process). What stays
    within the dead band, a share `below_dead_band` of the flaws, waits for the silence to end.
    """
    longest = max(silence / tick, 1.0)
    gap = longest if changing <= 0 else -math.expm1(longest * math.log1p(-min(changing, 1 - 1e-12))) / changing
    by_silence = min(1.0, shows_for / (longest * tick))
    return Policy(
        "OnChange",
        min(1 / gap, 1.0),
        (1 - below_dead_band) * tick / 2 + below_dead_band * longest * tick / 2,
        longest * tick,
        recall * (1 - below_dead_band + below_dead_band * by_silence),
    )
