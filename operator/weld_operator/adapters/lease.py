"""Leader election by a Lease, as Kubernetes' own controllers do it.

A holder renews the Lease every `retry`; whoever else sees it unchanged for its whole duration, by its own clock, takes
it. A holder that has not renewed it for `renew_deadline`, which is shorter than the duration, must not write any more,
so that two never do; it goes on when it can renew the Lease again, and has lost it when somebody else holds it. Clocks
of different machines are never compared.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from weld_operator.adapters.clock import Clock
from weld_operator.adapters.cluster import Cluster, ClusterError, ConflictError
from weld_operator.kinds import LEASE, Object

_log = logging.getLogger(__name__)

JOINT_TRIES = 5
"""To write a Lease that others write too, before the next time."""


@dataclass(frozen=True)
class LeaseTimes:
    """In seconds: retry < renew_deadline < duration."""

    duration: float
    renew_deadline: float
    retry: float


class LeaseLostError(Exception):
    """Another replica leads, or may."""


class Lease:
    """One replica's part in the election.

    Attributes: `is_held`, whether this replica leads and may write, by its own clock.
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

    @property
    def uid(self) -> str:
        """Of the Lease as an object; empty before it was seen."""
        return str(self._seen.get("metadata", {}).get("uid", ""))

    async def take(self) -> bool:
        """Take the Lease if nobody holds it or its holder is silent; whether this replica leads then."""
        return await self._tried(self._take)

    async def renew(self) -> bool:
        """Renew the Lease, and say whether that succeeded. Raises LeaseLostError once somebody else holds it."""
        return await self._tried(self._renew)

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

    async def _tried(self, step: Callable[[], Awaitable[bool]]) -> bool:
        """Whether the Lease is ours after this step; a cluster that does not answer counts as no."""
        asked_at = self._clock.monotonic()
        try:
            is_ours = await self._attempt(step)
        except ConflictError:
            return False
        except ClusterError as error:
            _log.warning("The Lease could not be written: %s", error)
            return False
        if is_ours:
            self._renewed_at = asked_at
        return is_ours

    async def _attempt(self, step: Callable[[], Awaitable[bool]]) -> bool:
        return await step()

    async def _take(self) -> bool:
        current = await self._current()
        if current is not None and not self._may_take():
            return False
        await self._write(current)
        return True

    async def _renew(self) -> bool:
        current = await self._current()
        if current is not None and self._holder() != self._identity:
            raise LeaseLostError(f"Lease {self._namespace}/{self._name} is held by {self._holder() or 'nobody'}")
        await self._write(current)
        return True

    async def _current(self) -> Object | None:
        """The Lease as it is; remembers when it was last seen to change."""
        current = await self._cluster.get(LEASE, self._namespace, self._name)
        if current is not None:
            self._see(current)
        return current

    async def _write(self, current: Object | None) -> None:
        now = self._clock.now()
        if current is None:
            self._see(await self._cluster.create(LEASE, self._new(now)))
        else:
            spec = self._renewal(_spec(current), now)
            self._see(await self._cluster.replace(LEASE, {**current, "spec": spec}))

    def _see(self, lease: Object) -> None:
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


class JointLease(Lease):
    """Held by several under one identity. None of them gives it back: it ends when the last of them renews it no more.

    Two that write it at once are no trouble: who came too late tries again.
    """

    async def release(self) -> None:
        """Leave it to the others."""
        self._renewed_at = None

    async def _attempt(self, step: Callable[[], Awaitable[bool]]) -> bool:
        for _ in range(JOINT_TRIES - 1):
            with contextlib.suppress(ConflictError):
                return await step()
        return await step()


def _spec(lease: Object) -> Object:
    spec: Object = lease.get("spec", {})
    return spec
