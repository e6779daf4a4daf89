"""Leader election by a Lease, as Kubernetes' own controllers do it.

A holder renews the Lease every `retry`; whoever else sees it unchanged for its whole duration, by its own clock, takes
it. A holder that could not renew for `renew_deadline`, which is shorter than the duration, has lost it and must stop
writing at once, so that two never hold it. Clocks of different machines are never compared.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from weld_operator.adapters.clock import Clock
from weld_operator.adapters.cluster import Cluster, ClusterError, ConflictError
from weld_operator.kinds import LEASE, Object

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LeaseTimes:
    """In seconds: retry < renew_deadline < duration."""

    duration: float
    renew_deadline: float
    retry: float


class LeaseLostError(Exception):
    """This replica leads no longer."""


class Lease:
    """One replica's part in the election.

    Attributes: `is_held`, whether this replica leads, as far as its own clock knows.
    """

    def __init__(
        self, cluster: Cluster, clock: Clock, *, namespace: str, name: str, identity: str, times: LeaseTimes
    ) -> None:
        self._cluster = cluster
        self._clock = clock
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._times = times
        self._seen: Object = {}
        self._seen_at = clock.monotonic()
        self._renewed_at: float | None = None

    @property
    def is_held(self) -> bool:
        if self._renewed_at is None:
            return False
        return self._clock.monotonic() - self._renewed_at < self._times.renew_deadline

    async def acquire(self) -> None:
        """Wait until this replica leads."""
        while not await self._try():
            await self._clock.sleep(self._times.retry)

    async def keep(self) -> None:
        """Renew until the Lease is lost. Raises LeaseLostError then, and never returns."""
        while True:
            await self._clock.sleep(self._times.retry)
            renewed = await self._try()
            if not renewed and not self.is_held:
                raise LeaseLostError(f"Lease {self._namespace}/{self._name} could not be renewed in time")
            if not renewed and self._holder() not in ("", self._identity):
                raise LeaseLostError(f"Lease {self._namespace}/{self._name} was taken by {self._holder()}")

    async def release(self) -> None:
        """Let another replica lead at once; a failure only makes it wait for the Lease's end."""
        if self._renewed_at is None:
            return
        self._renewed_at = None
        try:
            current = await self._cluster.get(LEASE, self._namespace, self._name)
            if current is not None and _spec(current).get("holderIdentity") == self._identity:
                spec = {**_spec(current), "holderIdentity": "", "leaseDurationSeconds": 1}
                await self._cluster.replace(LEASE, {**current, "spec": spec})
        except ClusterError as error:
            _log.warning("The Lease could not be released: %s", error)

    def _holder(self) -> str:
        return str(_spec(self._seen).get("holderIdentity") or "")

    async def _try(self) -> bool:
        """Take or renew the Lease if it may be taken; whether it is ours then."""
        asked_at = self._clock.monotonic()
        try:
            taken = await self._take_or_renew()
        except ConflictError:
            return False
        except ClusterError as error:
            _log.warning("The Lease could not be renewed: %s", error)
            return False
        if taken:
            self._renewed_at = asked_at
        return taken

    async def _take_or_renew(self) -> bool:
        current = await self._cluster.get(LEASE, self._namespace, self._name)
        now = self._clock.now()
        if current is None:
            self._see(await self._cluster.create(LEASE, self._new(now)))
            return True
        self._see(current)
        if not self._may_take():
            return False
        spec = self._renewal(_spec(current), now)
        self._see(await self._cluster.replace(LEASE, {**current, "spec": spec}))
        return True

    def _see(self, lease: Object) -> None:
        """Remember when the Lease was last seen to change."""
        if _spec(lease) != _spec(self._seen):
            self._seen_at = self._clock.monotonic()
        self._seen = lease

    def _may_take(self) -> bool:
        if self._holder() in ("", self._identity):
            return True
        duration = _spec(self._seen).get("leaseDurationSeconds") or self._times.duration
        return self._clock.monotonic() - self._seen_at >= duration

    def _new(self, now: datetime) -> Object:
        return {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.name,
            "metadata": {"namespace": self._namespace, "name": self._name},
            "spec": self._renewal({}, now),
        }

    def _renewal(self, before: Object, now: datetime) -> Object:
        moment = now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        is_ours = before.get("holderIdentity") == self._identity
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": round(self._times.duration),
            "acquireTime": before.get("acquireTime", moment) if is_ours else moment,
            "renewTime": moment,
            "leaseTransitions": before.get("leaseTransitions", 0) + (0 if is_ours or not before else 1),
        }


def _spec(lease: Object) -> Object:
    spec: Object = lease.get("spec", {})
    return spec
