"""How many replicas a region holds for itself and for others, and how many losses the present size bears.

What a region needs for its own share is, where scaling.target.readingsPerSecond says what one replica answers, its
readings per second divided by that; else minReplicas less one, which is what minReplicas is for. A region that carries
a part of another one's share needs the same part of that one's replicas besides. One more may be missing, unless
minReplicas is 1 and nothing else is known.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping

from weld_api.region import Failover, Region
from weld_api.region_status import SurvivedLosses
from weld_api.spec import WeldModelSpec
from weld_operator.domain.regions.regional_spec import scaling_of
from weld_operator.domain.regions.sights import RegionSight

MOST_LOSSES = 3
"""Regions that are looked at as lost together: beyond that the number says no more to anybody."""

_ROUNDING = 1e-9


def replica_floors(spec: WeldModelSpec, carried: Mapping[str, Mapping[str, float]]) -> dict[str, int]:
    """Replicas that each region holds at the least; never fewer than its minReplicas nor more than its maxReplicas.

    `carried`: for each region the part (0 to 1) of each other one's share that it carries now.
    """
    needs = {region.name: _need(spec, region) for region in spec.regions}
    stands_ready = (spec.failover or Failover()).capacity == "Standing"
    floors = {}
    for region in spec.regions:
        now = _sum(carried.get(region.name, {}), needs)
        ready = _worst_loss(spec, region.name, needs) if stands_ready else 0.0
        scaling = scaling_of(spec, region)
        least = _whole(needs[region.name] + max(now, ready)) + _spare(spec, region)
        floors[region.name] = min(max(least, scaling.min_replicas), scaling.max_replicas)
    return floors


def survived_losses(spec: WeldModelSpec, sights: Mapping[str, RegionSight]) -> SurvivedLosses:
    """What may be lost besides what is lost already, with the replicas that are ready now; at most MOST_LOSSES regions.

    A region that is not seen counts as it was last seen: it most likely serves.
    """
    needs = {region.name: _need(spec, region) for region in spec.regions}
    there = [region for region in spec.regions if sights[region.name].state in ("Serving", "Unseen")]
    spare = (sights[region.name].ready - _whole(needs[region.name]) for region in there)
    survived = 0
    for losses in range(1, min(MOST_LOSSES, len(there) - 1) + 1):
        cases = itertools.combinations([region.name for region in there], losses)
        if not all(_bears(spec, needs, sights, [each for each in there if each.name not in lost]) for lost in cases):
            break
        survived = losses
    return SurvivedLosses(regions=survived, replicas=max(min(spare, default=0), 0))


def _need(spec: WeldModelSpec, region: Region) -> float:
    """Replicas that bear the region's own share, as a number that need not be whole."""
    each = spec.serving.scaling.target.readings_per_second
    if each is not None:
        return float(spec.workload.readings_per_second) * region.share / 100 / each
    return float(max(scaling_of(spec, region).min_replicas - 1, 1))


def _spare(spec: WeldModelSpec, region: Region) -> int:
    """Replicas that may be missing; none where one replica is asked for as it is."""
    is_measured = spec.serving.scaling.target.readings_per_second is not None
    return 1 if is_measured or scaling_of(spec, region).min_replicas > 1 else 0


def _worst_loss(spec: WeldModelSpec, name: str, needs: Mapping[str, float]) -> float:
    """Replicas that it would need besides, were the worst of the regions that name it lost."""
    parts = (needs[region.name] / len(region.failover_to) for region in spec.regions if name in region.failover_to)
    return max(parts, default=0.0)


def _bears(
    spec: WeldModelSpec, needs: Mapping[str, float], sights: Mapping[str, RegionSight], left: Iterable[Region]
) -> bool:
    """Whether the regions that are left answer every reading, those of the lost ones too."""
    loads = {region.name: needs[region.name] for region in left}
    for region in spec.regions:
        if region.name in loads or region.share == 0:
            continue
        carriers = [name for name in region.failover_to if name in loads]
        if not carriers:
            return False
        for name in carriers:
            loads[name] += needs[region.name] / len(carriers)
    return all(sights[name].ready >= _whole(load) for name, load in loads.items())


def _sum(parts: Mapping[str, float], needs: Mapping[str, float]) -> float:
    return math.fsum(part * needs[name] for name, part in parts.items())


def _whole(replicas: float) -> int:
    return math.ceil(replicas - _ROUNDING)
