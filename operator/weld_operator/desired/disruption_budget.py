"""The PodDisruptionBudget of one revision; KServe makes none."""

from __future__ import annotations

from weld_operator.desired.metadata import metadata, pod_labels
from weld_operator.domain.decision import DesiredRevision
from weld_operator.domain.subject import Subject
from weld_operator.kinds import POD_DISRUPTION_BUDGET, Object


def disruption_budget(owner: Subject, revision: DesiredRevision) -> Object:
    """How many replicas a drain of nodes may take at once; those that are not ready may always go."""
    return {
        "apiVersion": POD_DISRUPTION_BUDGET.api_version,
        "kind": POD_DISRUPTION_BUDGET.name,
        "metadata": metadata(owner, revision.name, revision.name),
        "spec": {
            "maxUnavailable": revision.spec.serving.availability.max_unavailable,
            "selector": {"matchLabels": pod_labels(revision.name)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }
