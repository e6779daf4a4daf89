"""A rollout that tests try a candidate with: short, but with all its parts."""

from __future__ import annotations

from tests.unit.operator.plant import Plant
from weld_operator.kinds import Object

ROLLOUT: Object = {
    "shadow": {"for": "60s", "minReadings": 1000, "share": 50},
    "steps": [{"weight": 10, "hold": "60s"}, {"weight": 50, "hold": "60s"}],
    "gates": [
        {"name": "errors", "errorRate": {"max": 0.01}},
        {"name": "agreement", "disagreement": {"max": 0.02}},
    ],
    "deadline": {"per": "5m"},
    "analysis": {"interval": "10s"},
}


async def plant_with_a_serving(rollout: Object | None = None) -> Plant:
    """Bundle `a` serves, untried as it is the first; what comes next is tried."""
    plant = Plant()
    plant.rollout = ROLLOUT if rollout is None else rollout
    await plant.until_a_serves()
    return plant


async def plant_with_b_on_trial(rollout: Object | None = None) -> Plant:
    """Bundle `a` serves, and `b` is asked for and shadowed, or at its first step."""
    plant = await plant_with_a_serving(rollout)
    plant.ask("b")
    await plant.settle()
    plant.follow()
    await plant.settle()
    return plant
