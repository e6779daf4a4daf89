"""The predictor's own Prometheus metrics, beside KServe's. No label grows with the sensors."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

from weld_predictor.answer import Answer
from weld_predictor.batching import Batch
from weld_predictor.decision import Decision
from weld_predictor.intake.flags import Flag, has

LABELS = ("model", "version", "site", "region")
STAGES = ("decode", "features", "queue", "score", "encode")

_SECONDS = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)
_RISKS = np.array([0.001, 0.01, 0.05, *(tenth / 10 for tenth in range(1, 10)), 0.95, 0.99, 0.999])
_READINGS = tuple(float(4**power) for power in range(11))


class RiskHistogram(Collector):
    """`weldserve_risk`: how many readings were scored with which risk. Counts arrays whole; prometheus_client's own
    histogram takes value by value."""

    def __init__(self, labels: dict[str, str]) -> None:
        self._labels = labels
        self._counts = np.zeros(len(_RISKS) + 1, np.int64)
        self._sum = 0.0

    def observe(self, risk: NDArray[np.float32]) -> None:
        """Count risks [N], 0 to 1."""
        self._counts += np.bincount(np.searchsorted(_RISKS.astype(np.float32), risk), minlength=len(self._counts))
        self._sum += float(risk.sum(dtype=np.float64))

    def collect(self) -> Iterable[Metric]:
        family = HistogramMetricFamily("weldserve_risk", "Risk of the readings scored.", labels=list(self._labels))
        bounds = [*map(str, _RISKS.tolist()), "+Inf"]
        counts = np.cumsum(self._counts).tolist()
        family.add_metric(list(self._labels.values()), list(zip(bounds, counts, strict=True)), sum_value=self._sum)
        yield family


class PredictorMetrics:
    """Counts readings, requests, batches, stages and flags of one model."""

    def __init__(self, registry: CollectorRegistry, *, model: str, version: str, site: str, region: str = "") -> None:
        self._registry = registry
        self._values = {"model": model, "version": version, "site": site, "region": region}
        self._readings = self._counter("weldserve_readings", "Readings answered.")
        self._at_risk = self._counter("weldserve_at_risk_readings", "Readings answered as at risk.")
        self._missed = self._counter(
            "weldserve_deadline_missed_readings", "Readings answered later than the deadline after they arrived."
        )
        self._requests = Counter(
            "weldserve_requests",
            "Inference requests by protocol (rest, v1, grpc) and its status.",
            (*LABELS, "protocol", "status"),
            registry=registry,
        )
        self._request_seconds = Histogram(
            "weldserve_request_seconds",
            "From a request's arrival to its answer.",
            LABELS,
            buckets=_SECONDS,
            registry=registry,
        ).labels(**self._values)
        self._batch_readings = Histogram(
            "weldserve_batch_readings", "Readings scored in one pass.", LABELS, buckets=_READINGS, registry=registry
        ).labels(**self._values)
        stages = Histogram(
            "weldserve_stage_seconds",
            "Time by stage: decode, features, queue and encode of each request, score of each pass.",
            (*LABELS, "stage"),
            buckets=_SECONDS,
            registry=registry,
        )
        self._stages = {stage: stages.labels(**self._values, stage=stage) for stage in STAGES}
        flagged = Counter(
            "weldserve_flagged_readings", "Readings answered with a flag.", (*LABELS, "flag"), registry=registry
        )
        self._flagged = {flag: flagged.labels(**self._values, flag=str(flag.name).lower()) for flag in Flag}

        self._risk = RiskHistogram(self._values)
        registry.register(self._risk)

    def watch_queue(self, waiting: Callable[[], int]) -> None:
        """Report `waiting()` as the readings in the queue."""
        queue = Gauge("weldserve_queue_readings", "Readings that wait to be scored.", LABELS, registry=self._registry)
        queue.labels(**self._values).set_function(waiting)

    def bundle_is_served(self, digest: str) -> None:
        """Say which bundle gives the answers."""
        info = Gauge("weldserve_bundle_info", "The bundle served.", (*LABELS, "sha256"), registry=self._registry)
        info.labels(**self._values, sha256=digest).set(1)

    def stage(self, name: str, seconds: float) -> None:
        """One of `STAGES` took `seconds`."""
        self._stages[name].observe(seconds)

    def batch(self, batch: Batch) -> None:
        """One pass was scored."""
        self._batch_readings.observe(batch.readings)
        self._stages["score"].observe(batch.seconds)
        for wait in batch.waits:
            self._stages["queue"].observe(wait)

    def request(self, protocol: str, status: str, seconds: float) -> None:
        """One inference request was answered with `status`, `seconds` after it arrived."""
        self._requests.labels(**self._values, protocol=protocol, status=status).inc()
        self._request_seconds.observe(seconds)

    def answer(self, answer: Answer) -> None:
        """One request's readings have their answer."""
        self._readings.inc(len(answer))
        self._at_risk.inc(int(np.count_nonzero(answer.decision == Decision.AT_RISK)))
        self._risk.observe(answer.risk[~has(answer.flags, Flag.NOT_SCORED)])
        if answer.flags.any():
            self._flags(answer.flags)

    def deadline_missed(self, readings: int) -> None:
        """The answer to `readings` came too late."""
        self._missed.inc(readings)

    def _flags(self, flags: NDArray[np.uint32]) -> None:
        for flag, counter in self._flagged.items():
            counter.inc(int(np.count_nonzero(has(flags, flag))))

    def _counter(self, name: str, text: str) -> Counter:
        return Counter(name, text, LABELS, registry=self._registry).labels(**self._values)
