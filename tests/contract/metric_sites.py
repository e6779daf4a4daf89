"""A revision's Pods, and a metric source that is to tell what they count."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import UTC, datetime

from tests.contract.exposition_pods import NAMESPACE, ExpositionPod, Place
from tests.sandbox.prometheus import Prometheus
from tests.sandbox.waiting import wait_for
from tests.unit.operator.in_memory_cluster import InMemoryCluster
from weld_api.metric_names import REQUESTS
from weld_operator.adapters.prometheus_metrics import PrometheusMetrics
from weld_operator.adapters.scraped_metrics import ScrapedMetrics
from weld_operator.domain.gates.measurement import Counter, Metric, Reading
from weld_operator.kinds import POD

AN_HOUR = 3600.0
SCRAPED_WITHIN_SECONDS = 60


class Site(ABC):
    """One revision's Pods. What they show is seen by the source at each `look`."""

    def __init__(
        self, cluster: InMemoryCluster, source: PrometheusMetrics | ScrapedMetrics, places: Sequence[Place]
    ) -> None:
        self.cluster = cluster
        self.source = source
        self.places = places
        self.pods: list[ExpositionPod] = []
        self.requests = self.counter(REQUESTS, by="status")
        self.questions: set[Metric] = {self.requests}
        self._made = 0

    def counter(self, metric: str, by: str = "", **matching: str) -> Counter:
        return Counter(metric, NAMESPACE, self.places[0].revision, tuple(matching.items()), by)

    async def add(self, place: int = 0, *, running_for: float = AN_HOUR, **requests: float) -> ExpositionPod:
        """A Pod that runs since so many seconds, and has answered requests by status (`s200=3`)."""
        self._made += 1
        pod = ExpositionPod(self.places[place], f"uid-{self._made}", time.time() - running_for)
        answer(pod, **requests)
        self.pods.append(pod)
        await pod.start()
        self.cluster.put(POD, pod.as_object())
        return pod

    async def remove(self, pod: ExpositionPod) -> None:
        await pod.stop()
        self.pods.remove(pod)
        self.cluster.remove(POD, NAMESPACE, pod.place.pod)

    @abstractmethod
    async def look(self) -> None:
        """Wait until the source has seen what the Pods show now."""

    @abstractmethod
    async def begin(self) -> datetime:
        """Have the source see what the Pods show now; a time from which on that counts as what was before."""

    async def ask(self, question: Metric, since: datetime, now: datetime | None = None) -> Reading:
        """The answer, at once."""
        readings = await self.source.measure({question, *self.questions}, since, now or datetime.now(UTC))
        return readings[question]

    async def close(self) -> None:
        await asyncio.gather(*(pod.stop() for pod in self.pods))
        await self.source.close()


class PrometheusSite(Site):
    """A Prometheus scrapes all places, all the time."""

    def __init__(self, prometheus: Prometheus, places: Sequence[Place]) -> None:
        super().__init__(InMemoryCluster(), PrometheusMetrics(prometheus.url), places)
        self._prometheus = prometheus

    async def begin(self) -> datetime:
        """A scrape has the time at which it began, so those under way then must not see what comes later."""
        await self.look()
        begun = datetime.now(UTC)
        await self.look()
        return begun

    async def look(self) -> None:
        asked_at = time.time()
        every, well = _up(self.places), [pod.place for pod in self.pods if pod.shows_metrics]
        oldest = f"min(timestamp({every})) and on () count({every}) == {len(self.places)}"
        # On a machine that has much to do, a scrape may take too long.
        if well:
            oldest += f" and on () count({_up(well)} == 1) == {len(well)}"

        async def scraped() -> float:
            return await self._prometheus.value(oldest) or 0.0

        await wait_for(scraped, lambda seen: seen > asked_at, seconds=SCRAPED_WITHIN_SECONDS, what="scrape")


class ScrapedSite(Site):
    """The Pods are seen whenever the source is asked about them."""

    def __init__(self, places: Sequence[Place]) -> None:
        cluster = InMemoryCluster()
        super().__init__(cluster, ScrapedMetrics(cluster), places)

    async def begin(self) -> datetime:
        now = datetime.now(UTC)
        await self.source.measure(self.questions, now, now)
        return now

    async def look(self) -> None:
        await self.begin()


def _up(places: Sequence[Place]) -> str:
    return f'up{{instance=~"{"|".join(each.address for each in places)}"}}'


def answer(pod: ExpositionPod, **requests: float) -> None:
    """Have a Pod answer so many requests by status (`s200=3`)."""
    for status, number in requests.items():
        pod.count(REQUESTS, number, f'protocol="rest",status="{status.removeprefix("s")}"')
