"""How many readings a second each replica should have, for `serving.scaling.target.readingsPerSecond`. Pure.

An autoscaler keeps the average of its replicas at this value. Two things are to fit above it:

- what comes until more replicas are there: `occupancy`, the share of a replica's most that plans reckon with, too;
- one loss: the others take the lost replica's readings until another one is there, and must keep up meanwhile. That is
  hardest for the fewest replicas that there may be, n: (n - 1) times AFTER_A_LOSS is then to be at least n times the
  value.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from weld_api.card import Throughput

AFTER_A_LOSS = 0.9
"""Of a replica's most: what the others of the fewest replicas may be asked for when one is lost."""


@dataclass(frozen=True)
class ReadingsTarget:
    """The value; `most` readings a second that one replica can do, and the share of it that the value is."""

    readings_per_second: int
    most: float
    share: float
    is_bound_by_loss: bool
    """Whether the share is what a loss leaves, which is less than the occupancy."""


def readings_target(throughput: Throughput, fewest: int, cores: float | None, occupancy: float) -> ReadingsTarget:
    """`fewest` replicas that there may be; `cores` that a replica may use, None for as many as it was measured with.

    A single replica withstands no loss, whatever its target.
    """
    usable = throughput.busy_cores if cores is None else min(cores, throughput.busy_cores)
    most = throughput.readings_per_second * usable / throughput.busy_cores
    after_loss = AFTER_A_LOSS * (fewest - 1) / fewest if fewest > 1 else 1.0
    share = min(occupancy, after_loss)
    return ReadingsTarget(max(math.floor(most * share), 1), most, share, after_loss < occupancy)
