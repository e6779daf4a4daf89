"""What losing a machine, a zone or a region does, and how likely it is that something is missing."""

from __future__ import annotations

import math
from dataclasses import dataclass

from weld_operator.domain.capacity.latency import Latency
from weld_operator.domain.capacity.passes import Load, latency_of
from weld_operator.domain.capacity.service import Replica
from weld_operator.domain.capacity.sizing import Spread, on_time_with


@dataclass(frozen=True)
class Loss:
    """What is left, and how it answers once the rest has taken over."""

    what: str
    replicas_left: int
    occupancy: float
    """Of what is left; from 1 on it cannot keep up."""
    latency: Latency | None
    """None: nothing answers."""

    @property
    def on_time(self) -> float:
        return self.latency.on_time if self.latency else 0.0


def losses(replica: Replica, load: Load, spread: Spread, replicas: int) -> list[Loss]:
    """With everything there, with the worst machine lost, and with the worst zone lost, until they are replaced."""
    return [
        after_loss(what, replica, load, replicas - spread.lost_with(what, replicas))
        for what in ("nothing", "machine", "zone")
    ]


def after_loss(what: str, replica: Replica, load: Load, left: int) -> Loss:
    """`load` on the replicas that are `left`."""
    if left < 1:
        return Loss(what, 0, math.inf, None)
    occupancy = replica.occupancy(load.requests_per_second / left)
    return Loss(what, left, occupancy, latency_of(replica, load, left))


def losses_survived(replica: Replica, load: Load, replicas: int, on_time: float) -> int:
    """Replicas that may be missing with the share `on_time` still reached."""
    few, many = 0, replicas
    while many - few > 1:
        missing = (few + many) // 2
        if on_time_with(replica, load, replicas - missing) >= on_time:
            few = missing
        else:
            many = missing
    return few


def chance_of_enough(machines: int, enough: int, availability: float) -> float:
    """That at least `enough` of `machines` are up, which fail independently: the binomial distribution's upper part.

    Zones that fail as a whole make it less; it is an upper limit.
    """
    return math.fsum(_chance(machines, up, availability) for up in range(max(enough, 0), machines + 1))


def _chance(machines: int, up: int, availability: float) -> float:
    logarithm = (
        math.lgamma(machines + 1)
        - math.lgamma(up + 1)
        - math.lgamma(machines - up + 1)
        + up * math.log(availability)
        + (machines - up) * math.log1p(-availability)
    )
    return math.exp(logarithm)
