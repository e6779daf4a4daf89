"""The bench in short form: its load generator tells right answers from wrong ones, and each of its parts measures."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bench.effort import Effort
from tests.bench.hostile import run_hostile
from tests.bench.in_process import in_process
from tests.bench.load import LoadGenerator
from tests.bench.offered import offered_rates
from tests.bench.overload import overload
from tests.bench.pipeline import run_pipelines
from tests.bench.readings import feature_bundle, feature_requests, other_feature_bundle
from tests.bench.servers import Server, weldserve
from tests.bench.shadow import run_shadow
from tests.bench.workloads import W1, W2, W3, ClosedLoops, Workload
from tests.integration.predictor_process import PackedBundle

SHORT = replace(W2, clients=4, templates=4, sensors=400)
EFFORT = Effort(
    rounds=1,
    seconds=0.3,
    warmup=0.1,
    pipeline=1,
    pipeline_fourfold=1,
    overload=1,
    intake=0.2,
    intake_pairs=2,
    hostile=1,
    hostile_pairs=2,
    hostile_requests=40,
    hostile_patience=3,
    offered=0.3,
)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> PackedBundle:
    return feature_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
async def servers(tmp_path_factory: pytest.TempPathFactory, bundle: PackedBundle) -> AsyncIterator[list[Server]]:
    async with weldserve(tmp_path_factory.mktemp("weldserve"), bundle) as both:
        yield both


@pytest.fixture
def load(tmp_path: Path) -> LoadGenerator:
    return LoadGenerator(tmp_path / "load")


@pytest.mark.parametrize("workload", [W1, W2, W3], ids=lambda workload: workload.name)
async def test_each_answer_is_right_by_either_wire(
    servers: list[Server], bundle: PackedBundle, load: LoadGenerator, workload: Workload
) -> None:
    requests = feature_requests(bundle, workload.templates, workload.size)
    for record in await ClosedLoops(load, EFFORT).run(workload, servers, requests):
        assert record.errors == 0, record
        assert record.median("readings_per_s") > 0
        assert record.rss_mib > 0
    assert (await in_process(workload, bundle, requests[0][0], EFFORT)).median("readings_per_s") > 0


async def test_two_servers_are_measured_in_turn(
    servers: list[Server], bundle: PackedBundle, load: LoadGenerator
) -> None:
    requests = feature_requests(bundle, SHORT.templates, SHORT.size)
    loops = ClosedLoops(load, EFFORT)
    rates = await loops.rates_in_turn(SHORT, servers, requests, EFFORT.intake_pairs, EFFORT.intake)
    assert [len(each) for each in rates.values()] == [EFFORT.intake_pairs] * len(servers)
    assert all(rate > 0 for each in rates.values() for rate in each)


async def test_a_wrong_answer_is_found(servers: list[Server], bundle: PackedBundle, load: LoadGenerator) -> None:
    requests = feature_requests(bundle, SHORT.templates, SHORT.size)
    for server in servers:
        plan = server.wire.plan(server.port, requests)
        first = plan.templates[0]
        wrong = first.risks.copy()
        wrong[-1] += 1e-3
        plan = replace(plan, templates=(replace(first, risks=wrong), *plan.templates[1:]))
        outcome = await load.run(load.write("wrong", plan), server.port, 0.5, connections=4, sensors=400)
        assert outcome.right > 0
        assert outcome.wrong > 0
        assert outcome.errors == outcome.wrong


async def test_a_pipeline_that_the_server_keeps_up_with_loses_no_reading(
    servers: list[Server], bundle: PackedBundle, load: LoadGenerator
) -> None:
    requests = feature_requests(bundle, W2.templates, W2.size)
    found = await run_pipelines(load, servers[0], requests, pipelines=1, seconds=1, warmup=0.5)
    record = found.as_json("W5", "weldserve")
    assert record["readings_lost"] == 0, record
    assert 0 < record["p50_ms"] <= record["p99_ms"] <= record["p999_ms"]


async def test_beyond_its_capacity_a_server_refuses_and_breaks_nothing(
    servers: list[Server], bundle: PackedBundle, load: LoadGenerator
) -> None:
    requests = feature_requests(bundle, SHORT.templates, SHORT.size)
    found = (await overload(load, servers[0], requests, W2, 1)).as_json()
    assert found["refused"] > 0, found
    assert found["statuses"].keys() <= {"200", "429", "504"}
    assert (found["wrong"], found["broken"]) == (0, 0)
    assert len(found["recoveries"]) > 1


async def test_requests_that_nobody_should_send_get_no_server_error(
    servers: list[Server], bundle: PackedBundle, load: LoadGenerator
) -> None:
    requests = feature_requests(bundle, SHORT.templates, SHORT.size)
    found = await run_hostile(load, servers[0], requests, SHORT, EFFORT)
    assert found.sent == EFFORT.hostile_requests
    assert {answer.split()[0] for answer in found.answers} == {"malformed", "truncated", "oversized", "slow"}
    assert (found.server_errors, found.others_errors) == (0, 0), found.answers


async def test_latency_is_known_at_each_offered_rate(
    servers: list[Server], bundle: PackedBundle, load: LoadGenerator
) -> None:
    requests = feature_requests(bundle, SHORT.templates, SHORT.size)
    points = await offered_rates(load, servers[0], requests, 500, EFFORT.offered, SHORT.sensors)
    assert len(points) > 2
    assert all(point["p50_ms"] > 0 for point in points), points


async def test_shadowing_is_told_from_its_absence(tmp_path: Path, bundle: PackedBundle, load: LoadGenerator) -> None:
    requests = feature_requests(bundle, SHORT.templates, SHORT.size)
    bundles = bundle, other_feature_bundle(tmp_path / "other")
    loops = ClosedLoops(load, replace(EFFORT, seconds=1))
    found = await run_shadow(tmp_path / "shadow", loops, SHORT, bundles, requests, rounds=2)
    record = found.as_json()
    assert len(found.shadowing) == len(found.without) == 2
    assert record["errors"] == 0, record
    assert record["compared"] > record["disagreed"] > 0, record
    assert len(record["rounds"]) > 0, record
