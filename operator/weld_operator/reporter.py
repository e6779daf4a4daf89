"""Tells what was found and done: by Events, and by the status, which is the operator's memory."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from weld_api.status import WeldModelStatus
from weld_operator.adapters.clock import Clock
from weld_operator.adapters.cluster import Cluster, ConflictError, RefusedError, UnreachableError
from weld_operator.desired.event import event
from weld_operator.domain.stories import Story
from weld_operator.domain.subject import Subject
from weld_operator.kinds import EVENT, WELD_MODEL
from weld_operator.metrics import Metrics

_log = logging.getLogger(__name__)


class Reporter:
    """Writes about WeldModels where they are."""

    def __init__(self, cluster: Cluster, clock: Clock, metrics: Metrics) -> None:
        self._cluster = cluster
        self._clock = clock
        self._metrics = metrics

    async def tell(self, subject: Subject, stories: Iterable[Story]) -> None:
        """Post the Events; one that exists was posted before a crash.

        One that cannot be posted is lost: what is to be remembered and sent elsewhere must not wait for it.
        """
        for story in stories:
            level = logging.WARNING if story.type == "Warning" else logging.INFO
            _log.log(level, "%s: %s", story.reason, story.message)
            try:
                await self._cluster.create(EVENT, event(subject, story, self._clock.now()))
            except (ConflictError, RefusedError) as error:
                _log.debug("Event not posted: %s", error)
            except UnreachableError as error:
                _log.warning("Event not posted: %s", error)
            self._metrics.writes.labels(EVENT.name, "create").inc()

    async def write_status(self, subject: Subject, status: WeldModelStatus) -> None:
        """Replace the status that the subject has, if it is another one."""
        if status == subject.status:
            return
        body = {
            "apiVersion": WELD_MODEL.api_version,
            "kind": WELD_MODEL.name,
            "metadata": {
                "name": subject.name,
                "namespace": subject.namespace,
                "resourceVersion": subject.resource_version,
            },
            "status": status.model_dump(mode="json", exclude_none=True),
        }
        await self._cluster.apply_status(WELD_MODEL, body)
        self._metrics.writes.labels(WELD_MODEL.name, "apply_status").inc()
