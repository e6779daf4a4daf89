"""One reconciliation: look, decide, write what differs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from weld_operator.adapters.clock import Clock
from weld_operator.adapters.cluster import Cluster
from weld_operator.adapters.cluster_access import ClusterAccess
from weld_operator.adapters.remote_clusters import NoRemoteClusters, RemoteClusters
from weld_operator.anchors import Anchors
from weld_operator.desired.target import Target
from weld_operator.domain.regions.countries import ANYTHING, Residency, resident
from weld_operator.domain.subject import Subject, subject_of
from weld_operator.kinds import WELD_MODEL, Key
from weld_operator.measuring import Measuring
from weld_operator.metrics import Metrics
from weld_operator.object_writer import ObjectWriter
from weld_operator.observer import is_going, strays
from weld_operator.place_reconciler import PlaceReconciler, Shortcomings
from weld_operator.region_visits import RegionVisits
from weld_operator.regional_reconciler import RegionalReconciler, is_regional
from weld_operator.remote_end import RemoteEnd
from weld_operator.reporter import Reporter


class Reconciler:
    """Brings what exists to what the WeldModels ask for; several keys at once, each key once at a time."""

    def __init__(
        self,
        cluster: Cluster,
        clock: Clock,
        target: Target,
        metrics: Metrics,
        measuring: Measuring,
        shortcomings: Shortcomings = lambda _: None,
        *,
        remotes: RemoteClusters | None = None,
        home: str = "",
        installation: Callable[[], str] = lambda: "",
        residency: Residency = ANYTHING,
        cleanup: timedelta = timedelta(seconds=60),
    ) -> None:
        """`shortcomings` of the platform, as they are known now, for WeldModels with a demand.

        `remotes`: other clusters. `home`: this installation, in words, and `installation` its uid. `residency`: what
        may be served, and of which country. `cleanup`: time that a deleted WeldModel waits for what it has in other
        clusters to be deleted.
        """
        remotes = remotes or NoRemoteClusters()
        anchors = Anchors(home, installation, metrics)
        self._cluster = cluster
        self._metrics = metrics
        self._measuring = measuring
        self._remotes = remotes
        self._residency = residency
        self._access = ClusterAccess(cluster, target)
        self._writer = ObjectWriter(clock, metrics)
        self._reporter = Reporter(cluster, clock, metrics)
        self._places = PlaceReconciler(clock, self._writer, measuring, shortcomings)
        self._regions = RegionalReconciler(
            self._access,
            RegionVisits(self._access, remotes, self._places, anchors),
            self._writer,
            self._reporter,
            clock,
            residency.country,
        )
        self._end = RemoteEnd(cluster, remotes, anchors, self._reporter, clock, metrics, cleanup, residency.country)

    async def reconcile(self, key: Key) -> timedelta | None:
        """Look at one WeldModel; gives the time until it wants to be looked at again; None when it is gone.

        Raises UnreachableError or ConflictError where the same, a little later, is likely to succeed.
        """
        body = await self._cluster.get(WELD_MODEL, key.namespace, key.name)
        if body is None or is_going(body):
            # Whatever belongs to it goes with it: in this cluster that is the garbage collector's work.
            look_after = None if body is None else await self._end.reconcile(body)
            if look_after is None:
                await self._forget(key)
            return look_after
        subject = await self._end.marked(body, resident(subject_of(body), self._residency))
        if is_regional(subject):
            status, look_after = await self._regions.reconcile(subject)
            self._metrics.set_phase(key, status.phase)
            self._metrics.set_trials(key, subject.status, status)
            return look_after
        return await self._reconcile_whole(subject)

    async def _reconcile_whole(self, subject: Subject) -> timedelta:
        """One that names no regions."""
        listing = await self._places.list_all(self._access, subject)
        turn = await self._places.take(self._access, subject, listing)
        await self._reporter.tell(subject, turn.stories)
        await self._reporter.write_status(subject, turn.decision.status)
        await self._places.finish(turn)
        for kind, body in strays(listing, subject, [""]):
            await self._writer.delete(self._access, subject, kind, body)
        self._metrics.set_phase(subject.key, turn.decision.status.phase)
        self._metrics.set_trials(subject.key, subject.status, turn.decision.status)
        return turn.look_after

    async def _forget(self, key: Key) -> None:
        self._metrics.set_phase(key, None)
        self._metrics.forget_trial(key)
        self._measuring.forget(key)
        self._writer.forget(key)
        await self._remotes.keep(key, ())
