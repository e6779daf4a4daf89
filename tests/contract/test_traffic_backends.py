"""One contract for every traffic backend, on a real API server with real Pods.

`Gateway` and `Native` meet KServe as it was recorded (Native's routes, too; that predictors keep their names' Pods when
they become the one that answers is as KServe's pull requests say). `Knative` meets it as its source and Knative's
specification document it, since nothing of that is recorded: see tests/sandbox/kserve/knative.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import aiohttp
import pytest

from tests.contract.traffic_cluster import TrafficCluster, traffic_cluster
from tests.contract.traffic_operator import operator, roll_out
from tests.contract.traffic_site import TrafficSite
from tests.contract.traffic_story import REQUESTS, STABLE_REPLICAS, STEPS, Facts, Story
from tests.sandbox.kube_api import Object
from weld_operator.desired.traffic.backend import TrafficObservation, TrafficPlan

SERVING: Mapping[str, Object] = {
    "Gateway": {},
    "Knative": {"mode": "Knative"},
    "Native": {"traffic": "Native"},
}
HEADER = {"Gateway": True, "Knative": False, "Native": True}
"""Where the header reaches the candidate; elsewhere it must be declared that it does not."""


@pytest.fixture(scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TrafficCluster]:
    async with traffic_cluster(tmp_path_factory.mktemp("traffic")) as running:
        yield running


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    """Each request on a connection of its own: a reload of the stand-in gateway ends those that are kept."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        yield session


@pytest.fixture(scope="module")
async def stories(cluster: TrafficCluster, client: aiohttp.ClientSession) -> Mapping[str, Facts]:
    """What happened to each backend; they live side by side."""

    async def play(name: str) -> Facts:
        site = await TrafficSite.make(cluster, client, f"traffic-{name.lower()}", {**SERVING[name], **_small()})
        return await Story(site).play()

    facts = await asyncio.gather(*(play(name) for name in SERVING))
    return dict(zip(SERVING, facts, strict=True))


@pytest.fixture(params=SERVING)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def facts(stories: Mapping[str, Facts], name: str) -> Facts:
    return stories[name]


def _small() -> Object:
    return {"scaling": {"minReplicas": 1, "maxReplicas": 2}}


def test_the_first_version_gets_everything(facts: Facts) -> None:
    assert facts.first == {"a": 100}


def test_a_candidate_of_0_percent_is_there_and_ready(facts: Facts) -> None:
    assert facts.candidate_is_ready
    assert facts.dark == {"a": 100}
    assert facts.without_header == {"a" * 8: REQUESTS}


def test_the_stable_revision_keeps_its_size_beside_a_candidate(facts: Facts) -> None:
    assert facts.stable_size == STABLE_REPLICAS


def test_a_header_reaches_the_candidate_or_is_declared_not_to(facts: Facts, name: str) -> None:
    expected = {"b" * 8: REQUESTS} if HEADER[name] else {"a" * 8: REQUESTS}
    assert facts.by_header == {"candidate": expected, "b" * 8: expected}


@pytest.mark.parametrize("weight", STEPS)
def test_the_weight_that_is_shown_is_the_weight_that_was_asked_for(facts: Facts, weight: int) -> None:
    assert facts.steps[weight] == {"a": 100 - weight, "b": weight}


def test_answers_come_by_the_weights(facts: Facts) -> None:
    assert facts.half.keys() == {"a" * 8, "b" * 8}
    assert abs(facts.half["b" * 8] - REQUESTS / 2) <= REQUESTS / 10


def test_a_promotion_gives_the_candidate_everything(facts: Facts) -> None:
    assert facts.promoted == {"b": 100}


def test_a_promotion_restarts_no_pod(facts: Facts) -> None:
    assert facts.before_promotion["north-line-bbbbbbbb"]
    assert facts.after_promotion["north-line-bbbbbbbb"] >= facts.before_promotion["north-line-bbbbbbbb"]


def test_a_replaced_revision_goes_once_it_is_not_kept(facts: Facts) -> None:
    assert facts.after_promotion["north-line-aaaaaaaa"] == frozenset()


def test_a_rollback_is_at_0_percent_after_one_write(facts: Facts) -> None:
    assert facts.rolled_back == {"b": 100}


def test_after_a_rollback_the_candidate_gets_nothing_ever_again(facts: Facts) -> None:
    assert facts.after_rollback
    assert all(each == {"b": 100} for each in facts.after_rollback)


def test_a_third_version_after_a_rollback_is_weighed_against_the_stable_one(facts: Facts) -> None:
    assert facts.third == {"b": 95, "d": 5}


def test_a_candidate_may_have_everything_and_give_it_back(facts: Facts) -> None:
    assert facts.everything == {"d": 100}
    assert facts.back_from_everything == {"b": 95, "d": 5}


def test_applying_twice_writes_nothing_new(facts: Facts) -> None:
    first, second = facts.at_rest
    assert first == second


def test_what_was_deleted_by_hand_comes_back_as_it_was(facts: Facts) -> None:
    assert facts.rebuilt
    assert all(each == {"b": 95, "d": 5} for each in facts.rebuilt.values())


def test_weights_sum_to_100_at_every_moment(facts: Facts) -> None:
    assert facts.all_weights
    assert all(each is not None and sum(each.values()) == 100 for each in facts.all_weights)


async def test_the_operator_rolls_out_by_every_backend_and_every_request_is_answered(
    cluster: TrafficCluster, client: aiohttp.ClientSession
) -> None:
    """With the rights that its chart gives it, and no others."""
    namespaces = {name: f"operator-{name.lower()}" for name in SERVING}
    async with operator(cluster, *namespaces.values()):
        rollouts = (
            roll_out(cluster, client, namespace, {**SERVING[name], **_small()})
            for name, namespace in namespaces.items()
        )
        for name, facts in zip(namespaces, await asyncio.gather(*rollouts), strict=True):
            assert facts.url.startswith("http://north-line"), name
            assert 20 in facts.steps, name
            assert facts.answers.keys() == {"a" * 8, "b" * 8}, name
            assert facts.asked_again <= 10, name
            assert facts.last_answers.keys() == {"b" * 8}, name
            assert facts.conditions["Serving"] == ("True", "AllReplicasReady"), name
            assert facts.conditions["Progressing"] == ("True", "UpToDate"), name
            assert facts.conditions["PlatformReady"][0] == "True", name


async def test_a_kserve_that_divides_nothing_is_found_out(
    cluster: TrafficCluster, client: aiohttp.ClientSession, stories: Mapping[str, Facts]
) -> None:
    """After the stories: it takes the place of the KServe that they meet."""
    assert stories
    await cluster.restart_kserve("canary-routes")
    site = await TrafficSite.make(cluster, client, "traffic-undivided", {"traffic": "Native", **_small()})
    stable, candidate = site.revision("a"), site.revision("b")
    await site.bring(TrafficPlan(None, stable), lambda seen: seen.weights == {stable.name: 100}, "first version")

    def is_found_out(seen: TrafficObservation) -> bool:
        return seen.obstacle is not None

    seen = await site.bring(TrafficPlan(stable, candidate, 5), is_found_out, "sentence")
    assert seen.obstacle is not None
    assert seen.obstacle.reason == "TrafficNotDivided"
    assert "before version 0.21" in seen.obstacle.message
    assert seen.weights == {stable.name: 100}, "what was asked for must not be taken for what is"
