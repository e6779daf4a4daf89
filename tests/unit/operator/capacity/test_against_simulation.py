"""What is reckoned is what a discrete-event simulation of the same does, within a tenth."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulation.pipeline import simulate
from weld_cli.plan_files import read_assets
from weld_cli.rollout_file import read_models
from weld_operator.domain.capacity.passes import Load, latency_of
from weld_operator.domain.capacity.service import Replica, ServiceTime, Stalls
from weld_operator.domain.capacity.sizing import size_for
from weld_operator.domain.capacity.subject import Subject

SERVICE = ServiceTime(0.0005, 0.00008, 1.2e-6, (0.9, 0.95, 1.0, 1.05, 1.1))


@pytest.mark.parametrize(
    ("requests", "replicas", "jitter", "max_readings"),
    [
        (100, 2, 0.02, 16_384),
        (200, 1, 0.02, 16_384),
        (840, 3, 0.02, 2_000),
        (100, 1, 0.005, 16_384),
        (100, 2, 0.0, 16_384),
    ],
)
def test_reckoned_is_simulated(requests: int, replicas: int, jitter: float, max_readings: int) -> None:
    replica = Replica(SERVICE, 100, max_readings, 0.002, 40_000)
    load = Load(requests, 0.1, jitter, 0.1)
    reckoned, simulated = latency_of(replica, load, replicas), simulate(replica, load, replicas, 300).latency
    assert reckoned.mean == pytest.approx(simulated.mean, rel=0.1)
    assert reckoned.p99 == pytest.approx(simulated.p99, rel=0.1)
    assert reckoned.on_time == pytest.approx(simulated.on_time, rel=0.1)


STALLS = Stalls(10, (0.00025, 0.0003, 0.0004, 0.0005, 0.0007, 0.001, 0.0015, 0.0025, 0.004))
QUICK = ServiceTime(0.00016, 0.000012, 3.4e-7, (0.9, 0.95, 1.0, 1.05, 1.1), STALLS)


@pytest.mark.parametrize("requests", [50, 300, 900])
def test_reckoned_is_simulated_with_stalls(requests: int) -> None:
    """Of a replica as quick as a measured one, at 2 to 45 % of what it can do."""
    replica = Replica(QUICK, 100, 16_384, 0.002, 40_000, 1200)
    load = Load(requests, 0.1, 0.02, 0.003)
    reckoned, simulated = latency_of(replica, load, 1), simulate(replica, load, 1, 1500).latency
    assert reckoned.mean == pytest.approx(simulated.mean, rel=0.1)
    assert reckoned.p99 == pytest.approx(simulated.p99, rel=0.1)
    assert reckoned.on_time == pytest.approx(simulated.on_time, rel=0.1)


EXAMPLES = Path("manifests/examples")


@pytest.mark.parametrize(
    ("model", "assets", "ticks"),
    [("north-line.yaml", "100-km.yaml", 300), ("plan/10000-km-model.yaml", "10000-km.yaml", 40)],
)
def test_the_plans_of_the_examples_are_simulated_region_by_region(model: str, assets: str, ticks: int) -> None:
    """With everything there, and with a machine lost."""
    given = read_assets(EXAMPLES / "plan" / assets)
    assert given.throughput is not None
    subject = Subject("", read_models(EXAMPLES / model)[0].spec, given, given.throughput, None, 24, 0.95, 0.58)
    replica = subject.replica(1.0)
    for region in given.regions:
        load, spread = subject.load(given.share_of(region)), subject.spread(region)
        replicas = size_for(replica, load, spread, subject.aims).replicas
        for left in (replicas, replicas - spread.lost_with("machine", replicas)):
            reckoned, simulated = latency_of(replica, load, left), simulate(replica, load, left, ticks).latency
            assert reckoned.mean == pytest.approx(simulated.mean, rel=0.1)
            assert reckoned.p99 == pytest.approx(simulated.p99, rel=0.1)
            assert reckoned.on_time == pytest.approx(simulated.on_time, rel=0.1)
