"""A WeldModel as one region is asked for it: as if that region were all."""

from __future__ import annotations

import math

from weld_api.region import Region
from weld_api.spec import Scaling, WeldModelSpec
from weld_api.wave import Wave


def regional_spec(spec: WeldModelSpec, region: Region, wave: Wave | None, floor: int = 0) -> WeldModelSpec:
    """The spec with the region's scaling and its share of the readings, and with the gates of its wave.

    `floor`: replicas at the least, for itself and for those that it carries (RegionStatus.replica_floor); no more than
    its maximum.
    """
    share = math.ceil(spec.workload.readings_per_tick * region.share / 100)
    workload = spec.workload.model_copy(update={"readings_per_tick": max(share, 1)})
    serving = spec.serving.model_copy(update={"scaling": scaling_of(spec, region, floor)})
    rollout = spec.rollout
    if rollout is not None:
        gates = rollout.gates if wave is None else (*rollout.gates, *wave.gates)
        rollout = rollout.model_copy(update={"gates": gates, "waves": ()})
    return spec.model_copy(
        update={"workload": workload, "serving": serving, "rollout": rollout, "regions": (), "failover": None}
    )


def scaling_of(spec: WeldModelSpec, region: Region, floor: int = 0) -> Scaling:
    """The region's own scaling, with so many replicas at the least."""
    scaling = spec.serving.scaling
    own = region.scaling
    least, most = (scaling.min_replicas, scaling.max_replicas) if own is None else (own.min_replicas, own.max_replicas)
    return scaling.model_copy(update={"min_replicas": max(least, min(floor, most)), "max_replicas": most})
