"""What becomes of a WeldModel's objects in other clusters when it is deleted: they go first, or it is told.

This cluster's garbage collector knows nothing of them, and so a WeldModel with anything in another cluster has a
finalizer. It has it before anything is written there, and loses it once all is deleted there, or after a bounded wait:
a cluster that is lost must not keep a WeldModel for ever.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from weld_api.names import REGIONS_FINALIZER
from weld_operator.adapters.clock import Clock
from weld_operator.adapters.cluster import Cluster, ClusterError
from weld_operator.adapters.cluster_access import Silence
from weld_operator.adapters.remote_clusters import RemoteClusters
from weld_operator.anchors import Anchors
from weld_operator.domain.stories import Story, told_of_region
from weld_operator.domain.subject import Subject, subject_of
from weld_operator.kinds import WELD_MODEL, Object
from weld_operator.metrics import Metrics
from weld_operator.regional_reconciler import remote_secrets
from weld_operator.reporter import Reporter

_log = logging.getLogger(__name__)

PAUSE = timedelta(seconds=2)


class RemoteEnd:
    """Sets and removes the finalizer, by a field manager of its own."""

    def __init__(
        self,
        cluster: Cluster,
        remotes: RemoteClusters,
        anchors: Anchors,
        reporter: Reporter,
        clock: Clock,
        metrics: Metrics,
        patience: timedelta,
        country: str,
    ) -> None:
        """`patience`: how long a deleted WeldModel waits. `country`: whose regions are served; all where empty."""
        self._cluster = cluster
        self._remotes = remotes
        self._anchors = anchors
        self._reporter = reporter
        self._clock = clock
        self._metrics = metrics
        self._patience = patience
        self._country = country

    async def marked(self, body: Object, subject: Subject) -> Subject:
        """The WeldModel with the finalizer where something of it is, or is to be, in another cluster; else without."""
        needs = bool(remote_secrets(subject, self._country))
        if needs == _has_finalizer(body):
            return subject
        written = await self._set(body, (REGIONS_FINALIZER,) if needs else ())
        return replace(subject, resource_version=written["metadata"]["resourceVersion"])

    async def reconcile(self, body: Object) -> timedelta | None:
        """For one that is being deleted: the time until the next look; None when nothing keeps it any more."""
        if not _has_finalizer(body):
            return None
        subject = subject_of(body)
        outcomes = {secret: await self._clean(subject, secret) for secret in remote_secrets(subject, self._country)}
        left = {secret: reason for secret, reason in outcomes.items() if reason}
        waited = self._clock.now() - datetime.fromisoformat(body["metadata"]["deletionTimestamp"])
        if left and waited < self._patience:
            return min(PAUSE, self._patience - waited)
        await self._reporter.tell(subject, _left_behind(subject, left, self._patience))
        await self._set(body, ())
        return None

    async def _clean(self, subject: Subject, secret: str) -> str:
        """Delete what the WeldModel has in a cluster; why that could not be done, empty when it was."""
        access = await self._remotes.reach(subject.key, secret)
        if isinstance(access, Silence):
            return access.message
        try:
            await self._anchors.delete(access, subject)
        except ClusterError as error:
            _log.warning("The cluster of Secret %s is not cleaned up yet: %s", secret, error)
            return str(error)
        return ""

    async def _set(self, body: Object, finalizers: Collection[str]) -> Object:
        about = body["metadata"]
        wanted = {
            "apiVersion": WELD_MODEL.api_version,
            "kind": WELD_MODEL.name,
            "metadata": {
                "name": about["name"],
                "namespace": about["namespace"],
                # So that one that is gone meanwhile is not made anew by this.
                "resourceVersion": about["resourceVersion"],
                "finalizers": list(finalizers),
            },
        }
        written = await self._cluster.apply_finalizers(WELD_MODEL, wanted)
        self._metrics.writes.labels(WELD_MODEL.name, "apply_finalizers").inc()
        return written


def _has_finalizer(body: Object) -> bool:
    return REGIONS_FINALIZER in body["metadata"].get("finalizers", [])


def _left_behind(subject: Subject, left: dict[str, str], patience: timedelta) -> Iterator[Story]:
    """What may be left, in which cluster, and why."""
    for secret, reason in left.items():
        message = (
            f"What the WeldModel had in the cluster of Secret {secret} may be left there: it could not be deleted "
            f"within {patience.total_seconds():g} s: {reason}. Delete ConfigMap {subject.name}.anchor in namespace "
            f"{subject.namespace} there, and all of it goes"
        )
        yield told_of_region(subject, "Warning", "LeftBehind", message, secret, subject.uid)
