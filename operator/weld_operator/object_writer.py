"""Writes the objects of WeldModels: what differs from what is wanted, and nothing else."""

from __future__ import annotations

import logging
from collections import defaultdict

from weld_operator.adapters.clock import Clock
from weld_operator.adapters.cluster import Cluster, ConflictError, NotServedError, RefusedError
from weld_operator.adapters.cluster_access import ClusterAccess
from weld_operator.desired.traffic.backend import Wanted
from weld_operator.domain.observation import Obstacle, unknown
from weld_operator.domain.stories import Story, restored
from weld_operator.domain.subject import Subject
from weld_operator.drift import AppliedObjects
from weld_operator.kinds import Key, Kind, Object
from weld_operator.metrics import Metrics
from weld_operator.observer import Live, is_going

_log = logging.getLogger(__name__)


class ObjectWriter:
    """Remembers what it applied of each WeldModel in each cluster."""

    def __init__(self, clock: Clock, metrics: Metrics) -> None:
        self._clock = clock
        self._metrics = metrics
        self._applied: defaultdict[Key, defaultdict[str, AppliedObjects]] = defaultdict(
            lambda: defaultdict(AppliedObjects)
        )

    def forget(self, key: Key) -> None:
        """The WeldModel is gone."""
        self._applied.pop(key, None)

    async def write(
        self, access: ClusterAccess, subject: Subject, wanted: Wanted, live: Live
    ) -> tuple[list[Obstacle], list[Story]]:
        """Apply what differs; gives what could not be written, and what somebody else had undone."""
        obstacles: list[Obstacle] = []
        stories: list[Story] = []
        for kind, body in wanted:
            there = live.get(kind, {}).get(body["metadata"]["name"])
            match await self._write(access, subject, kind, body, there):
                case Obstacle() as obstacle:
                    obstacles.append(obstacle)
                case Story() as story:
                    stories.append(story)
        return obstacles, stories

    async def delete(self, access: ClusterAccess, subject: Subject, kind: Kind, body: Object) -> None:
        """Delete an object that is not on its way out already."""
        name = body["metadata"]["name"]
        if is_going(body):
            return
        await access.cluster.delete(kind, subject.namespace, name, body["metadata"]["uid"])
        self._metrics.writes.labels(kind.name, "delete").inc()
        self._applied[subject.key][access.secret].forget(kind, name)
        _log.info("Deleted %s %s", kind, name)

    async def _write(
        self, access: ClusterAccess, subject: Subject, kind: Kind, body: Object, there: Object | None
    ) -> Obstacle | Story | None:
        """Apply one object if it is not known to be as wanted."""
        applied = self._applied[subject.key][access.secret]
        if there is not None and is_going(there):
            return None  # it can be made anew once it is gone
        if not applied.must_apply(kind, body, there):
            return None
        what = f"{kind} {body['metadata']['name']}"
        if applied.is_contested(kind, body, self._clock.monotonic()):
            self._metrics.contested.labels(kind.name).inc()
            message = f"{what} is changed again and again by somebody else; it is left alone for a while"
            return Obstacle("Contested", message)
        try:
            if there is None and await _is_taken(access.cluster, kind, body):
                return Obstacle("NameTaken", f"{what} exists and does not belong to this WeldModel")
            result = await access.cluster.apply(kind, body)
        except NotServedError:
            return unknown(kind, elsewhere=not access.is_home)
        except RefusedError as error:
            return Obstacle(f"{kind}Refused", f"{what} was refused: {error}")
        self._metrics.writes.labels(kind.name, "apply").inc()
        _log.info("%s %s", "Made" if there is None else "Applied", what)
        former = applied.undone(kind, body, there, result)
        applied.remember(kind, body, result, self._clock.monotonic())
        return None if former is None else restored(subject, what, former)


async def _is_taken(cluster: Cluster, kind: Kind, body: Object) -> bool:
    """Whether the name belongs to an object of somebody else, which must not be taken over."""
    about = body["metadata"]
    there = await cluster.get(kind, about["namespace"], about["name"])
    if there is None:
        return False
    if is_going(there):
        raise ConflictError(f"{kind} {about['name']} is still being deleted")
    ours = about["ownerReferences"][0]["uid"]
    return all(owner["uid"] != ours for owner in there["metadata"].get("ownerReferences", []))
