"""The PodDisruptionBudget of one revision; KServe makes none."""

from __future__ import annotations

from collections.abc import Mapping

from weld_api.spec import Availability
from weld_operator.desired.metadata import metadata
from weld_operator.domain.subject import Subject
from weld_operator.kinds import POD_DISRUPTION_BUDGET, Object


def disruption_budget(owner: Subject, name: str, availability: Availability, pods: Mapping[str, str]) -> Object:
    """How many replicas of a revision a drain of nodes may take at once; those that are not ready may always go.

    `pods` are the labels by which its Pods are known.
    """
    return {
        "apiVersion": POD_DISRUPTION_BUDGET.api_version,
        "kind": POD_DISRUPTION_BUDGET.name,
        "metadata": metadata(owner, name, name),
        "spec": {
            "maxUnavailable": availability.max_unavailable,
            "selector": {"matchLabels": dict(pods)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }
