"""The Event that tells a story of a WeldModel."""

from __future__ import annotations

from datetime import datetime

from weld_api.names import FIELD_MANAGER
from weld_operator.domain.stories import Story
from weld_operator.domain.subject import Subject
from weld_operator.kinds import EVENT, WELD_MODEL, Object

LONGEST_NOTE = 1024
"""The API server takes no longer message in an Event."""


def event(about: Subject, story: Story, now: datetime) -> Object:
    """An Event whose name follows from the story, so that telling it twice is refused as a duplicate."""
    moment = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": EVENT.api_version,
        "kind": EVENT.name,
        "metadata": {"name": f"{about.name}.{story.identity}", "namespace": about.namespace},
        "involvedObject": {
            "apiVersion": WELD_MODEL.api_version,
            "kind": WELD_MODEL.name,
            "name": about.name,
            "namespace": about.namespace,
            "uid": about.uid,
        },
        "type": story.type,
        "reason": story.reason,
        "message": story.message[:LONGEST_NOTE],
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
        "source": {"component": FIELD_MANAGER},
        "reportingComponent": f"weldserve.io/{FIELD_MANAGER}",
        "reportingInstance": FIELD_MANAGER,
    }
