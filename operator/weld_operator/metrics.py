"""What the operator counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from weld_api.names import serving_name
from weld_api.status import PlaceStatus, WeldModelStatus
from weld_operator.kinds import Key
from weld_operator.trial_metrics import TrialMetrics


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
        self._regions: dict[Key, set[str]] = {}
        self._trials = TrialMetrics(self.registry)

    def set_phase(self, key: Key, phase: str | None) -> None:
        """The phase of a WeldModel; None when it is gone."""
        before = self._phases.pop(key, None)
        if before is not None:
            self._weld_models.labels(before).dec()
        if phase is not None:
            self._phases[key] = phase
            self._weld_models.labels(phase).inc()

    def set_trials(self, key: Key, before: WeldModelStatus, after: WeldModelStatus) -> None:
        """How the trials of a WeldModel and its regions stand, and which of them ended between two statuses."""
        places: dict[str, PlaceStatus] = {"": after, **{region.name: region for region in after.regions}}
        known: dict[str, PlaceStatus] = {"": before, **{region.name: region for region in before.regions}}
        for region in self._regions.get(key, set()) - places.keys():
            self._trials.forget(_in_region(key, region))
        self._regions[key] = set(places)
        for region, place in places.items():
            self._trials.set(_in_region(key, region), known.get(region, PlaceStatus()), place)

    def forget_trial(self, key: Key) -> None:
        """The WeldModel is gone."""
        for region in self._regions.pop(key, set()):
            self._trials.forget(_in_region(key, region))

    def set_platform(self, parts: Mapping[str, bool]) -> None:
        """Which parts of the platform are as needed."""
        self._platform_ready.clear()
        for part, is_ready in parts.items():
            self._platform_ready.labels(part).set(is_ready)

    def watch_clusters(self, states: Callable[[], Iterable[tuple[Key, bool]]]) -> None:
        """Other clusters by their Secrets, and whether each answers, whenever somebody looks."""
        self.registry.register(_Clusters(states))

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)


class _Clusters(Collector):
    """What is known at the moment."""

    def __init__(self, states: Callable[[], Iterable[tuple[Key, bool]]]) -> None:
        self._states = states

    def collect(self) -> Iterator[Metric]:
        gauge = GaugeMetricFamily(
            "weldserve_operator_cluster_up",
            "1 while another cluster answers, by the Secret through which it is reached.",
            labels=("secret_namespace", "secret"),
        )
        for place, is_up in self._states():
            gauge.add_metric(place, float(is_up))
        yield gauge


def _in_region(key: Key, region: str) -> Key:
    return Key(key.namespace, serving_name(key.name, region))
