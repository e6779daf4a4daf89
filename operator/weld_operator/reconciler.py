"""One reconciliation: look, decide, write what differs."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta

from weld_operator.adapters.clock import Clock
from weld_operator.adapters.cluster import Cluster, ConflictError, NotServedError, RefusedError
from weld_operator.desired.event import event
from weld_operator.desired.objects import Wanted, desired_objects
from weld_operator.desired.target import Target
from weld_operator.domain.decision import Decision, decide
from weld_operator.domain.observation import Observation, Obstacle, unknown
from weld_operator.domain.stories import Story, restored
from weld_operator.domain.subject import Subject, subject_of
from weld_operator.drift import AppliedObjects
from weld_operator.kinds import (
    EVENT,
    HTTP_ROUTE,
    OWNED_KINDS,
    WELD_MODEL,
    Key,
    Kind,
    Object,
)
from weld_operator.metrics import Metrics
from weld_operator.observer import Live, Observer, is_going

_log = logging.getLogger(__name__)

LOOK_AFTER_DELETION = timedelta(seconds=2)


class Reconciler:
    """Brings what exists to what the WeldModels ask for; several keys at once, each key once at a time."""

    def __init__(
        self,
        cluster: Cluster,
        clock: Clock,
        target: Target,
        metrics: Metrics,
        shortcomings: Callable[[], tuple[Obstacle, ...] | None] = lambda: None,
    ) -> None:
        """`shortcomings` of the platform, as they are known now."""
        self._cluster = cluster
        self._observer = Observer(cluster)
        self._clock = clock
        self._target = target
        self._metrics = metrics
        self._shortcomings = shortcomings
        self._applied: defaultdict[Key, AppliedObjects] = defaultdict(AppliedObjects)

    async def reconcile(self, key: Key) -> timedelta | None:
        """Look at one WeldModel; gives the time until it wants to be looked at again; None when it is gone.

        Raises UnreachableError or ConflictError where the same, a little later, is likely to succeed.
        """
        body = await self._cluster.get(WELD_MODEL, key.namespace, key.name)
        if body is None or is_going(body):
            # Whatever belongs to it goes with it: that is the garbage collector's work.
            self._metrics.set_phase(key, None)
            self._applied.pop(key, None)
            return None
        subject = subject_of(body)
        live, seen = await self._observer.look(subject)
        seen = replace(seen, shortcomings=self._shortcomings())
        decision = self._decide(subject, seen)
        obstacles, stories = await self._write_objects(subject, decision, live)
        if obstacles:
            decision = self._decide(subject, replace(seen, obstacles=(*seen.obstacles, *obstacles)))
        await self._tell(subject, (*stories, *decision.stories))
        await self._write_status(subject, decision)
        await self._delete_surplus(subject, decision, live)
        self._metrics.set_phase(key, decision.status.phase)
        return _sooner(decision.look_after, live)

    def _decide(self, subject: Subject, seen: Observation) -> Decision:
        url = self._target.url(subject.name, subject.namespace)
        return decide(subject, seen, url, self._clock.now())

    async def _write_objects(
        self, subject: Subject, decision: Decision, live: Live
    ) -> tuple[list[Obstacle], list[Story]]:
        """Apply what differs; gives what could not be written, and what somebody else had undone."""
        obstacles: list[Obstacle] = []
        stories: list[Story] = []
        for kind, body in desired_objects(subject, decision, self._target):
            match await self._write_object(subject, kind, body, live[kind].get(body["metadata"]["name"])):
                case Obstacle() as obstacle:
                    obstacles.append(obstacle)
                case Story() as story:
                    stories.append(story)
        return obstacles, stories

    async def _write_object(
        self, subject: Subject, kind: Kind, body: Object, there: Object | None
    ) -> Obstacle | Story | None:
        """Apply one object if it is not known to be as wanted."""
        applied = self._applied[subject.key]
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
            if there is None and await self._is_taken(kind, body):
                return Obstacle("NameTaken", f"{what} exists and does not belong to this WeldModel")
            result = await self._cluster.apply(kind, body)
        except NotServedError:
            return unknown(kind)
        except RefusedError as error:
            return Obstacle(f"{kind}Refused", f"{what} was refused: {error}")
        self._metrics.writes.labels(kind.name, "apply").inc()
        _log.info("%s %s", "Made" if there is None else "Applied", what)
        former = applied.undone(kind, body, there, result)
        applied.remember(kind, body, result, self._clock.monotonic())
        return None if former is None else restored(subject, what, former)

    async def _is_taken(self, kind: Kind, body: Object) -> bool:
        """Whether the name belongs to an object of somebody else, which must not be taken over."""
        about = body["metadata"]
        there = await self._cluster.get(kind, about["namespace"], about["name"])
        if there is None:
            return False
        if is_going(there):
            raise ConflictError(f"{kind} {about['name']} is still being deleted")
        ours = about["ownerReferences"][0]["uid"]
        return all(owner["uid"] != ours for owner in there["metadata"].get("ownerReferences", []))

    async def _tell(self, subject: Subject, stories: Iterable[Story]) -> None:
        """Post the Events; one that exists was posted before a crash."""
        for story in stories:
            level = logging.WARNING if story.type == "Warning" else logging.INFO
            _log.log(level, "%s: %s", story.reason, story.message)
            try:
                await self._cluster.create(EVENT, event(subject, story, self._clock.now()))
            except (ConflictError, RefusedError) as error:
                _log.debug("Event not posted: %s", error)
            self._metrics.writes.labels(EVENT.name, "create").inc()

    async def _write_status(self, subject: Subject, decision: Decision) -> None:
        if decision.status == subject.status:
            return
        body = {
            "apiVersion": WELD_MODEL.api_version,
            "kind": WELD_MODEL.name,
            "metadata": {
                "name": subject.name,
                "namespace": subject.namespace,
                "resourceVersion": subject.resource_version,
            },
            "status": decision.status.model_dump(mode="json", exclude_none=True),
        }
        await self._cluster.apply_status(WELD_MODEL, body)
        self._metrics.writes.labels(WELD_MODEL.name, "apply_status").inc()

    async def _delete_surplus(self, subject: Subject, decision: Decision, live: Live) -> None:
        """Delete what carries our label and this WeldModel's uid, and belongs to no revision that stays."""
        wanted = set(_places(desired_objects(subject, decision, self._target)))
        for kind in reversed(OWNED_KINDS):
            for name, body in live[kind].items():
                belongs = kind != HTTP_ROUTE and name in decision.kept
                if belongs or (kind, name) in wanted or is_going(body):
                    continue
                await self._cluster.delete(kind, subject.namespace, name, body["metadata"]["uid"])
                self._metrics.writes.labels(kind.name, "delete").inc()
                self._applied[subject.key].forget(kind, name)
                _log.info("Deleted %s %s", kind, name)


def _sooner(look_after: timedelta, live: Live) -> timedelta:
    """Soon, while something of ours is on its way out and may have to be made anew."""
    if any(is_going(body) for objects in live.values() for body in objects.values()):
        return min(look_after, LOOK_AFTER_DELETION)
    return look_after


def _places(wanted: Wanted) -> Iterable[tuple[Kind, str]]:
    return ((kind, body["metadata"]["name"]) for kind, body in wanted)
