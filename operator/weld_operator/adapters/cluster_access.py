"""A cluster that can be reached, and what things are called there; or why it cannot be."""

from __future__ import annotations

from dataclasses import dataclass

from weld_operator.adapters.cluster import Cluster
from weld_operator.adapters.metric_source import MetricSource
from weld_operator.desired.target import Target


@dataclass(frozen=True)
class ClusterAccess:
    """`source`: what knows the metrics of predictors there; None for what the installation has.

    `secret`: by which it is reached; empty for this cluster.
    """

    cluster: Cluster
    target: Target
    source: MetricSource | None = None
    secret: str = ""

    @property
    def is_home(self) -> bool:
        return not self.secret


@dataclass(frozen=True)
class Silence:
    """Why a cluster cannot be reached: one word, and one sentence."""

    reason: str
    message: str
