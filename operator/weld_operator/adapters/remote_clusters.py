"""The other clusters that WeldModels name: one link to each, kept as long as a WeldModel needs it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from weld_operator.adapters.clock import Clock
from weld_operator.adapters.cluster import Cluster
from weld_operator.adapters.cluster_access import ClusterAccess, Silence
from weld_operator.adapters.cluster_link import ClusterLink
from weld_operator.adapters.informer import Concerns, everything
from weld_operator.adapters.kubeconfig_secret import connect, read_access
from weld_operator.adapters.metric_source import MetricSource
from weld_operator.adapters.prometheus_metrics import PrometheusMetrics
from weld_operator.adapters.scraped_metrics import ScrapedMetrics
from weld_operator.desired.metadata import pod_labels
from weld_operator.desired.target import Target
from weld_operator.kinds import Key

Fence = Callable[[Cluster], Cluster]
"""Makes of a cluster one that is written to only while this replica leads."""


class RemoteClusters(Protocol):
    """Other clusters by the names of Secrets in a WeldModel's namespace."""

    async def reach(self, key: Key, secret: str) -> ClusterAccess | Silence:
        """The cluster, or why it cannot be reached; at once, but for the first time that anybody asks."""

    def give_up(self, key: Key, secret: str, message: str) -> None:
        """It did not answer in the time that it had."""

    async def keep(self, key: Key, secrets: Collection[str]) -> None:
        """These are all that a WeldModel needs; what nobody needs is closed."""


class NoRemoteClusters:
    """For where there are none."""

    async def reach(self, _key: Key, secret: str) -> ClusterAccess | Silence:
        return Silence("NotSupported", f"Secret {secret}: this operator knows no other clusters")

    def give_up(self, _key: Key, _secret: str, _message: str) -> None:
        pass

    async def keep(self, _key: Key, _secrets: Collection[str]) -> None:
        pass


@dataclass
class _Kept:
    """`source`: of the access that there was when it was made; another access is another source."""

    link: ClusterLink
    users: set[Key] = field(default_factory=set)
    source: PrometheusMetrics | ScrapedMetrics | None = None
    source_url: str | None = None


class LinkedClusters:
    """The clusters of Secrets; close it at the end."""

    def __init__(
        self,
        home: Cluster,
        clock: Clock,
        target: Target,
        fence: Fence,
        noticed: Callable[[Key], None],
        concerns: Concerns = everything,
    ) -> None:
        """`home`: where the Secrets are. `target`: what things are called where a Secret says nothing else.

        `concerns`: what of the clusters is kept.
        """
        self._home = home
        self._clock = clock
        self._target = target
        self._fence = fence
        self._noticed = noticed
        self._concerns = concerns
        self._kept: dict[Key, _Kept] = {}

    async def reach(self, key: Key, secret: str) -> ClusterAccess | Silence:
        place = Key(key.namespace, secret)
        kept = self._kept.get(place)
        if kept is None:
            kept = self._kept[place] = _Kept(self._link(place))
        kept.users.add(key)
        await kept.link.until_looked()
        if kept.link.silence is not None:
            return kept.link.silence
        access = kept.link.access
        assert access is not None
        source = await self._source(kept, access.prometheus_url)
        return ClusterAccess(self._fence(kept.link.cluster), access.target, source, secret)

    def give_up(self, key: Key, secret: str, message: str) -> None:
        kept = self._kept.get(Key(key.namespace, secret))
        if kept is not None:
            kept.link.give_up(message)

    async def keep(self, key: Key, secrets: Collection[str]) -> None:
        for place in list(self._kept):
            kept = self._kept[place]
            if place.namespace != key.namespace or place.name in secrets or key not in kept.users:
                continue
            kept.users.discard(key)
            if not kept.users:
                del self._kept[place]
                await _close(kept)

    def states(self) -> Iterator[tuple[Key, bool]]:
        """Each Secret, and whether its cluster answers."""
        for place, kept in self._kept.items():
            yield place, kept.link.silence is None

    async def close(self) -> None:
        kept, self._kept = self._kept, {}
        await asyncio.gather(*(_close(each) for each in kept.values()))

    def _link(self, place: Key) -> ClusterLink:
        return ClusterLink(
            self._home,
            place,
            self._clock,
            read=lambda secret: read_access(secret, self._target),
            connect=connect,
            changed=lambda: self._tell_users(place),
            noticed=self._noticed,
            concerns=self._concerns,
        )

    def _tell_users(self, place: Key) -> None:
        kept = self._kept.get(place)
        for key in () if kept is None else tuple(kept.users):
            self._noticed(key)

    async def _source(self, kept: _Kept, url: str | None) -> MetricSource:
        if kept.source is None or kept.source_url != url:
            former = kept.source
            kept.source = ScrapedMetrics(kept.link.cluster, pod_labels) if url is None else PrometheusMetrics(url)
            kept.source_url = url
            if former is not None:
                await former.close()
        return kept.source


async def _close(kept: _Kept) -> None:
    await kept.link.close()
    if kept.source is not None:
        await kept.source.close()
