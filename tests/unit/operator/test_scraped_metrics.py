"""Which Pods are looked at, and for how long what they showed is kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.operator.in_memory_cluster import InMemoryCluster
from weld_operator.adapters.pod_pages import Target, targets
from weld_operator.adapters.scraped_metrics import FORGOTTEN_AFTER, MOST_REVISIONS, ScrapedMetrics
from weld_operator.domain.gates.measurement import Counter
from weld_operator.kinds import Object

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
EARLIER = NOW - timedelta(days=365)


def pod(
    *,
    phase: str = "Running",
    address: str | None = "10.0.0.7",
    ready: str = "True",
    ports: list[Object] | None = None,
) -> Object:
    containers: list[Object] = [{"name": "queue", "ports": [{"containerPort": 9000}]}, {"name": "kserve-container"}]
    if ports is not None:
        containers[1]["ports"] = ports
    return {
        "metadata": {"name": "one", "uid": "uid-1"},
        "spec": {"containers": containers},
        "status": {
            "phase": phase,
            **({} if address is None else {"podIP": address}),
            "conditions": [{"type": "Initialized", "status": "True"}, {"type": "Ready", "status": ready}],
        },
    }


@pytest.mark.parametrize(
    ("body", "address"),
    [
        (pod(), "http://10.0.0.7:8080/metrics"),
        (pod(address="fd00::7"), "http://[fd00::7]:8080/metrics"),
        (pod(ports=[{"name": "h2c", "containerPort": 8081}]), "http://10.0.0.7:8080/metrics"),
        (
            pod(ports=[{"name": "h2c", "containerPort": 8081}, {"name": "http1", "containerPort": 8090}]),
            "http://10.0.0.7:8090/metrics",
        ),
    ],
)
def test_where_a_pod_shows_its_metrics(body: Object, address: str) -> None:
    assert targets([body]) == (Target("uid-1", "one", address, is_ready=True),)


def test_a_pod_that_is_not_ready_is_looked_at_too() -> None:
    (target,) = targets([pod(ready="False")])
    assert not target.is_ready


@pytest.mark.parametrize("body", [pod(phase="Pending"), pod(phase="Succeeded"), pod(phase="Failed"), pod(address=None)])
def test_a_pod_that_does_not_run_is_not_looked_at(body: Object) -> None:
    assert targets([body, {"metadata": {"name": "new", "uid": "uid-2"}, "spec": {"containers": []}}]) == ()


class Operator:
    """Asks about revisions of which there are no Pods; an answer says since when the revision is counted."""

    def __init__(self) -> None:
        self.metrics = ScrapedMetrics(InMemoryCluster())

    async def counted_since(self, number: int, now: datetime) -> datetime | None:
        question = Counter("weldserve_readings_total", "plant-a", f"weld-{number:08x}")
        return (await self.metrics.measure([question], EARLIER, now))[question].since


async def test_counting_begins_with_the_first_question() -> None:
    operator = Operator()
    assert await operator.counted_since(1, NOW) == NOW
    assert await operator.counted_since(1, NOW + timedelta(hours=1)) == NOW
    assert await operator.counted_since(2, NOW + timedelta(hours=1)) == NOW + timedelta(hours=1)


async def test_a_revision_that_nobody_asks_about_is_forgotten() -> None:
    operator = Operator()
    await operator.counted_since(1, NOW)
    kept, forgotten = NOW + FORGOTTEN_AFTER, NOW + 2 * FORGOTTEN_AFTER + timedelta(seconds=1)
    assert await operator.counted_since(1, kept) == NOW
    await operator.counted_since(2, forgotten)
    assert await operator.counted_since(1, forgotten) == forgotten


async def test_the_one_that_was_asked_about_longest_ago_makes_room() -> None:
    operator = Operator()
    for number in range(MOST_REVISIONS):
        await operator.counted_since(number, NOW)
    later = NOW + timedelta(minutes=1)
    assert await operator.counted_since(0, later) == NOW
    assert await operator.counted_since(MOST_REVISIONS, later) == later
    assert await operator.counted_since(0, later) == NOW
    assert await operator.counted_since(1, later) == later


async def test_two_metrics_of_a_revision_are_counted_each_from_its_own_first_question() -> None:
    operator = Operator()
    await operator.counted_since(1, NOW)
    later = NOW + timedelta(minutes=1)
    asked = [Counter(metric, "plant-a", "weld-00000001") for metric in ("weldserve_readings_total", "other_total")]
    readings = await operator.metrics.measure(asked, EARLIER, later)
    assert [readings[each].since for each in asked] == [NOW, later]
