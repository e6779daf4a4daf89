"""The predictor's own Prometheus metrics, beside KServe's. No label grows with the sensors.

What is observed for each request or reading comes in arrays, once for each pass: prometheus_client's own histograms
take value by value, which would cost as much as all the rest of a small request.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from kserve import metrics as kserve_metrics
from numpy.typing import NDArray
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Metric
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from weld_predictor.answer import Answer
from weld_predictor.decision import Decision
from weld_predictor.intake.flags import Flag, has
from weld_predictor.intake.memory import Recollection, SensorMemory

LABELS = ("model", "version", "site", "region")
PROTOCOLS = ("rest", "v1", "grpc", "shadow")
"""How requests come. Those of another predictor, for comparison, are no sensor's, and are told apart."""
STAGES = ("decode", "features", "queue", "score", "encode")

_SECONDS = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)
_DELAYS_MS = (5, 10, 20, 40, 60, 80, 100, 120, 160, 200, 300, 500, 1_000, 2_000, 5_000, 10_000)
_LONGEST_DELAY_MS = 86_400_000
"""What is longer, as from a clock that is years behind, counts as this in the sum."""
_RISKS = (0.001, 0.01, 0.05, *(tenth / 10 for tenth in range(1, 10)), 0.95, 0.99, 0.999)
_READINGS = tuple(float(4**power) for power in range(11))
_KSERVE_LABEL = "model_name"
_FLAG_BITS = max(Flag).bit_length()
_HAS_FLAG = (np.arange(1 << _FLAG_BITS)[:, np.newaxis] >> np.arange(_FLAG_BITS) & 1).astype(np.int64)
"""[combination of flags, bit]: whether it has the bit."""


class ArrayHistogram:
    """Counts whole arrays of values by upper bounds."""

    def __init__(self, bounds: Sequence[float], dtype: type[np.floating[Any]] = np.float64) -> None:
        """`dtype`: values are compared with the bounds in this."""
        self._bounds = np.array(bounds, dtype)
        self._bound_list = self._bounds.tolist()
        self._names = [*map(floatToGoString, bounds), "+Inf"]
        self._counts = np.zeros(len(bounds) + 1, np.int64)
        self._sum = 0.0

    def count(self, values: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
        """How many of `values` belong to each bound; to be added later. May be called in any thread."""
        return np.bincount(np.searchsorted(self._bounds, values), minlength=len(self._counts))

    def add(self, counts: NDArray[np.int64], total: float) -> None:
        """Values that `count` has counted, and their sum."""
        self._counts += counts
        self._sum += total

    def observe(self, values: NDArray[np.floating[Any]]) -> None:
        self.add(self.count(values), float(values.sum(dtype=np.float64)))

    def observe_one(self, value: float, times: int = 1) -> None:
        """The same value, `times` times."""
        self._counts[bisect_left(self._bound_list, value)] += times
        self._sum += value * times

    def add_to(self, family: HistogramMetricFamily, labels: Sequence[str]) -> None:
        counts = np.cumsum(self._counts).tolist()
        family.add_metric(labels, list(zip(self._names, counts, strict=True)), sum_value=self._sum)


class MillisecondHistogram(ArrayHistogram):
    """Counts whole milliseconds, of which each has its bound ready; reported in seconds."""

    def __init__(self, bounds: Sequence[int]) -> None:
        """`bounds` in milliseconds."""
        super().__init__([bound / 1000 for bound in bounds])
        self._place = np.searchsorted(np.array(bounds), np.arange(bounds[-1] + 2))

    def count_milliseconds(self, values: NDArray[np.int64]) -> NDArray[np.int64]:
        """As `count`, for values of 0 or more."""
        places = self._place[np.minimum(values, len(self._place) - 1)]
        return np.bincount(places, minlength=len(self._counts))


class HistogramFamily(Collector):
    """Histograms of one name that differ by the value of one label, or the only one."""

    def __init__(
        self,
        registry: CollectorRegistry,
        name: str,
        text: str,
        labels: dict[str, str],
        histograms: dict[str, ArrayHistogram],
        label: str | None = None,
    ) -> None:
        self._name = name
        self._text = text
        self._labels = labels
        self._label = label
        self._histograms = histograms
        registry.register(self)

    def collect(self) -> Iterable[Metric]:
        names = [*self._labels, *([] if self._label is None else [self._label])]
        family = HistogramMetricFamily(self._name, self._text, labels=names)
        for value, histogram in list(self._histograms.items()):  # another thread may add one meanwhile
            own = [] if self._label is None else [value]
            histogram.add_to(family, [*self._labels.values(), *own])
        yield family

    def describe(self) -> Iterable[Metric]:
        return [HistogramMetricFamily(self._name, self._text)]


@dataclass(frozen=True, slots=True)
class Tally:
    """What the answers of one pass add to the metrics; counted beside the event loop."""

    readings: int
    at_risk: int
    risks: NDArray[np.int64]
    risk_sum: float
    flags: NDArray[np.int64] | None
    """By bit, None where there is none."""
    delays: NDArray[np.int64]
    delay_sum: float
    """Seconds."""
    recalled: NDArray[np.int64]
    """Repeated, disordered, carried, unremembered."""

    def __add__(self, other: Self) -> Self:
        flags = [each.flags for each in (self, other) if each.flags is not None]
        return type(self)(
            self.readings + other.readings,
            self.at_risk + other.at_risk,
            self.risks + other.risks,
            self.risk_sum + other.risk_sum,
            sum(flags[1:], flags[0]) if flags else None,
            self.delays + other.delays,
            self.delay_sum + other.delay_sum,
            self.recalled + other.recalled,
        )


class PredictorMetrics:
    """Counts readings, requests, passes, stages and flags of one model."""

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
            "Inference requests by protocol (rest, v1, grpc; shadow: what another predictor forwards) and its status.",
            (*LABELS, "protocol", "status"),
            registry=registry,
        )
        self._counters: dict[tuple[str, str], Counter] = {}
        self._request_seconds = {protocol: ArrayHistogram(_SECONDS) for protocol in PROTOCOLS}
        HistogramFamily(
            registry,
            "weldserve_request_seconds",
            "From a request's arrival to its answer, by protocol.",
            self._values,
            self._request_seconds,
            "protocol",
        )
        self._pass_readings = self._histogram("weldserve_batch_readings", "Readings scored in one pass.", _READINGS)
        self._stages = {stage: ArrayHistogram(_SECONDS) for stage in STAGES}
        HistogramFamily(
            registry,
            "weldserve_stage_seconds",
            "Time by stage: decode, score and encode of each pass, decode of each request that is not all in binary, "
            "queue of each request, features of each with waveforms.",
            self._values,
            self._stages,
            "stage",
        )
        flagged = Counter(
            "weldserve_flagged_readings", "Readings answered with a flag.", (*LABELS, "flag"), registry=registry
        )
        self._flagged = {flag: flagged.labels(**self._values, flag=str(flag.name).lower()) for flag in Flag}
        self._risk = self._histogram("weldserve_risk", "Risk of the readings scored.", _RISKS, np.float32)
        self._delay = MillisecondHistogram(_DELAYS_MS)
        HistogramFamily(
            registry,
            "weldserve_delivery_delay_seconds",
            "From a reading's sampling to its arrival; 0 where it says that it was sampled later than that.",
            self._values,
            {"": self._delay},
        )
        self._recalled = (
            self._counter("weldserve_repeated_readings", "Readings that came before and got their answer again."),
            self._counter("weldserve_disordered_readings", "Readings older than what was answered of their sensor."),
            self._counter("weldserve_carried_readings", "Readings that got the answer of an earlier one."),
            self._counter(
                "weldserve_unremembered_readings", "Readings scored without memory, for lack of room for their sensors."
            ),
        )

    @property
    def labels(self) -> dict[str, str]:
        """Of every metric, with their values."""
        return dict(self._values)

    def watch_queue(self, waiting: Callable[[], int]) -> None:
        """Report `waiting()` as the readings in the queue."""
        queue = Gauge("weldserve_queue_readings", "Readings that wait to be scored.", LABELS, registry=self._registry)
        queue.labels(**self._values).set_function(waiting)

    def watch_quick_passes(self, largest: Callable[[], int]) -> None:
        """Report `largest()` as the readings in the largest pass that is quick."""
        quick = Gauge(
            "weldserve_quick_readings",
            "Readings in the largest pass that is made in the event loop itself at present, as it is quick.",
            LABELS,
            registry=self._registry,
        )
        quick.labels(**self._values).set_function(largest)

    def watch_memory(self, memory: SensorMemory) -> None:
        """Report what is remembered of sensors."""
        for name, text, value in (
            ("weldserve_remembered_sensors", "Sensors that are remembered.", lambda: memory.sensors),
            (
                "weldserve_forgotten_sensors",
                "Sensors forgotten since the start to make room.",
                lambda: memory.forgotten,
            ),
            (
                "weldserve_sensor_memory_bytes",
                "Bytes of the arrays that hold what is remembered of sensors.",
                lambda: memory.bytes_at(memory.sensors),
            ),
        ):
            gauge = Gauge(name, text, LABELS, registry=self._registry)
            gauge.labels(**self._values).set_function(value)

    def bundle_is_served(self, digest: str) -> None:
        """Say which bundle gives the answers."""
        info = Gauge("weldserve_bundle_info", "The bundle served.", (*LABELS, "sha256"), registry=self._registry)
        info.labels(**self._values, sha256=digest).set(1)

    def scorer_is(self, name: str, reason: str) -> None:
        """Say which implementation scores, and why."""
        info = Gauge(
            "weldserve_scorer_info",
            "What scores, and why it does.",
            (*LABELS, "scorer", "reason"),
            registry=self._registry,
        )
        info.labels(**self._values, scorer=name, reason=reason).set(1)

    def stage(self, name: str, seconds: float) -> None:
        """One of `STAGES` took `seconds`, once."""
        self._stages[name].observe_one(seconds)

    def queued(self, seconds: NDArray[np.float64]) -> None:
        """So long requests waited until their first readings were taken into a pass."""
        self._stages["queue"].observe(seconds)

    def request(self, protocol: str, status: str, seconds: float) -> None:
        """One inference request was answered with `status`, `seconds` after it arrived."""
        self._answered(protocol, status).inc()
        self._request_seconds[protocol].observe_one(seconds)

    def requests(self, protocol: str, status: str, seconds: NDArray[np.float64]) -> None:
        """So many inference requests were answered with `status`, so many seconds after they arrived."""
        self._answered(protocol, status).inc(len(seconds))
        self._request_seconds[protocol].observe(seconds)

    def _answered(self, protocol: str, status: str) -> Counter:
        """Looked up once: to find it by its labels takes longer than to refuse a request."""
        counter = self._counters.get((protocol, status))
        if counter is None:
            counter = self._requests.labels(**self._values, protocol=protocol, status=status)
            self._counters[protocol, status] = counter
        return counter

    def tally(self, answer: Answer, recollection: Recollection | None, delays: NDArray[np.int64]) -> Tally:
        """What `answers` will be told of an answer; may be called in any thread.

        `delays`: of the readings' delivery, in milliseconds.
        """
        if recollection is None:
            unscored = has(answer.flags, Flag.NOT_SCORED)
            risk = answer.risk[~unscored] if unscored.any() else answer.risk
            recalled = np.zeros(len(self._recalled), np.int64)
        else:
            rows = recollection.rows
            risk = answer.risk if len(rows) == len(answer) else answer.risk[rows]
            recalled = np.array(
                [recollection.repeated, recollection.disordered, recollection.carried, recollection.unremembered]
            )
        flags = np.bincount(answer.flags, minlength=len(_HAS_FLAG)) @ _HAS_FLAG if answer.flags.any() else None
        delay_counts, delay_sum = self.tally_delays(delays)
        return Tally(
            readings=len(answer),
            at_risk=int(np.count_nonzero(answer.decision == Decision.AT_RISK)),
            risks=self._risk.count(risk),
            risk_sum=float(risk.sum(dtype=np.float64)),
            flags=flags,
            delays=delay_counts,
            delay_sum=delay_sum,
            recalled=recalled,
        )

    def tally_delays(self, delays: NDArray[np.int64]) -> tuple[NDArray[np.int64], float]:
        """By bound, and their sum in seconds, of `delays` in milliseconds; may be called in any thread."""
        taken = np.clip(delays, 0, _LONGEST_DELAY_MS)
        return self._delay.count_milliseconds(taken), int(taken.sum()) / 1000

    def answers(self, tally: Tally) -> None:
        """The readings of one pass have their answer."""
        self._readings.inc(tally.readings)
        self._at_risk.inc(tally.at_risk)
        self._risk.add(tally.risks, tally.risk_sum)
        self._delay.add(tally.delays, tally.delay_sum)
        for counter, count in zip(self._recalled, tally.recalled.tolist(), strict=True):
            if count:
                counter.inc(count)
        if scored := int(tally.risks.sum()):
            self._pass_readings.observe_one(scored)
        if tally.flags is not None:
            for bit, count in enumerate(tally.flags.tolist()):
                if count:
                    self._flagged[Flag(1 << bit)].inc(count)

    def deadline_missed(self, readings: int) -> None:
        """The answer to `readings` came too late."""
        self._missed.inc(readings)

    def _histogram(
        self, name: str, text: str, bounds: Sequence[float], dtype: type[np.floating[Any]] = np.float64
    ) -> ArrayHistogram:
        histogram = ArrayHistogram(bounds, dtype)
        HistogramFamily(self._registry, name, text, self._values, {"": histogram})
        return histogram

    def _counter(self, name: str, text: str) -> Counter:
        return Counter(name, text, LABELS, registry=self._registry).labels(**self._values)


class KServeMetrics:
    """KServe's own histograms of a model's steps, for requests that do not go through KServe's steps one by one.

    They keep their names, texts, labels and bounds, and take KServe's place in its registry.
    """

    def __init__(self, model: str, registry: CollectorRegistry = REGISTRY) -> None:
        self._preprocess, self._predict, self._postprocess = (
            self._in_place_of(theirs, model, registry)
            for theirs in (
                kserve_metrics.PRE_HIST_TIME,
                kserve_metrics.PREDICT_HIST_TIME,
                kserve_metrics.POST_HIST_TIME,
            )
        )

    def answered(self, decode: float, predict: NDArray[np.float64], encode: float) -> None:
        """Requests of one pass: seconds until they were decoded, in which each waited and was scored, and to encode."""
        self._preprocess.observe_one(decode, len(predict))
        self._predict.observe(predict)
        self._postprocess.observe_one(encode, len(predict))

    def _in_place_of(self, theirs: Any, model: str, registry: CollectorRegistry) -> ArrayHistogram:
        [family] = theirs.collect()
        histogram = ArrayHistogram(_KSERVE_SECONDS)
        registry.unregister(theirs)
        HistogramFamily(registry, family.name, family.documentation, {_KSERVE_LABEL: model}, {"": histogram})
        return histogram


_KSERVE_SECONDS = tuple(bound for bound in kserve_metrics.PRE_HIST_TIME.DEFAULT_BUCKETS if bound != float("inf"))
