"""What the operator counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from weld_operator.kinds import Key


class Metrics:
    """The operator's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.reconciliations = Counter(
            "weldserve_operator_reconciliations",
            "Reconciliations by result: success, retry (the cluster did not answer or has moved on), error.",
            ["result"],
            registry=self.registry,
        )
        self.duration = Histogram(
            "weldserve_operator_reconciliation_seconds", "Duration of a reconciliation.", registry=self.registry
        )
        self.queue_depth = Gauge(
            "weldserve_operator_queue_depth", "WeldModels that wait, now or later.", registry=self.registry
        )
        self.writes = Counter(
            "weldserve_operator_writes", "Write requests by kind and verb.", ["kind", "verb"], registry=self.registry
        )
        self.contested = Counter(
            "weldserve_operator_contested", "Applies left out, as somebody undid those before.", ["kind"],
            registry=self.registry,
        )  # fmt: skip
        self.leader = Gauge(
            "weldserve_operator_leader", "1 while this replica leads and may write.", registry=self.registry
        )
        self._platform_ready = Gauge(
            "weldserve_operator_platform_ready",
            "1 while this part of the platform is as needed; absent where it is not asked for or not known yet.",
            ["part"],
            registry=self.registry,
        )
        self._weld_models = Gauge(
            "weldserve_operator_weldmodels", "WeldModels by phase.", ["phase"], registry=self.registry
        )
        self._phases: dict[Key, str] = {}

    def set_phase(self, key: Key, phase: str | None) -> None:
        """The phase of a WeldModel; None when it is gone."""
        before = self._phases.pop(key, None)
        if before is not None:
            self._weld_models.labels(before).dec()
        if phase is not None:
            self._phases[key] = phase
            self._weld_models.labels(phase).inc()

    def set_platform(self, parts: Mapping[str, bool]) -> None:
        """Which parts of the platform are as needed."""
        self._platform_ready.clear()
        for part, is_ready in parts.items():
            self._platform_ready.labels(part).set(is_ready)

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)
