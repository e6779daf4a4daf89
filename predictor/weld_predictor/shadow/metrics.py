"""What shadowing found, as metrics of the predictor that shadows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from prometheus_client import CollectorRegistry, Counter

from weld_api import metric_names
from weld_predictor.metrics import ArrayHistogram, HistogramFamily
from weld_predictor.shadow.comparison import Comparison
from weld_predictor.shadow.losses import LOSSES, Loss

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
_TOTAL = "_total"


class ShadowMetrics:
    """Counts readings compared and lost, by candidate; written by one thread.

    A candidate is labelled by the first digits of its digest. Its series stay when its trial has ended.
    """

    def __init__(self, registry: CollectorRegistry, labels: Mapping[str, str]) -> None:
        """`labels`: the predictor's own."""
        self._registry = registry
        self._labels = dict(labels)
        self._readings = self._counter(
            metric_names.SHADOW_READINGS, "Readings that both models answered, by whether they decide alike.", "result"
        )
        self._rise = self._counter(
            metric_names.SHADOW_RISK_RISE, "Sum of the candidate's risk less stable's, where that is positive."
        )
        self._fall = self._counter(
            metric_names.SHADOW_RISK_FALL, "Sum of stable's risk less the candidate's, where that is positive."
        )
        self._squares = self._counter(
            metric_names.SHADOW_RISK_SQUARES, "Sum of the squared differences of the two risks."
        )
        self._lost = self._counter(
            metric_names.SHADOW_LOST, "Readings that were to be compared and were not, by reason.", "reason"
        )
        self._inputs = self._counter(
            metric_names.SHADOW_INPUTS,
            "Readings sent to the candidate that brought an input, by which of the two models take it.",
            "input",
            "taken_by",
        )
        self._seconds: dict[str, ArrayHistogram] = {}
        HistogramFamily(
            registry,
            metric_names.SHADOW_SECONDS,
            "From a forwarded request to the candidate's answer.",
            self._labels,
            self._seconds,
            "candidate",
        )

    def begin(self, candidate: str) -> None:
        """Have its series begin at nothing, so that their first rise is seen."""
        for result in ("agreed", "disagreed"):
            self._readings.labels(**self._labels, candidate=candidate, result=result)
        for counter in (self._rise, self._fall, self._squares):
            counter.labels(**self._labels, candidate=candidate)
        for loss in LOSSES:
            self._lost.labels(**self._labels, candidate=candidate, reason=str(loss))
        self._seconds.setdefault(candidate, ArrayHistogram(_SECONDS))

    def lost(self, candidate: str, loss: Loss, readings: int) -> None:
        """So many readings were not compared."""
        if readings:
            self._lost.labels(**self._labels, candidate=candidate, reason=str(loss)).inc(readings)

    def answered(self, candidate: str, seconds: float) -> None:
        """The candidate answered a forwarded request."""
        self._seconds[candidate].observe(np.array([seconds]))

    def compared(self, candidate: str, found: Comparison, inputs: Iterable[tuple[str, str, int]]) -> None:
        """Readings were compared; `inputs`: name, which models take it, and in how many readings it came."""
        labels = {**self._labels, "candidate": candidate}
        self._readings.labels(**labels, result="agreed").inc(found.agreed)
        self._readings.labels(**labels, result="disagreed").inc(found.disagreed)
        self._rise.labels(**labels).inc(found.rise)
        self._fall.labels(**labels).inc(found.fall)
        self._squares.labels(**labels).inc(found.squares)
        self.lost(candidate, Loss.UNPAIRED, found.unpaired)
        for name, taken_by, readings in inputs:
            self._inputs.labels(**labels, input=name, taken_by=taken_by).inc(readings)

    def _counter(self, name: str, text: str, *more: str) -> Counter:
        names = (*self._labels, "candidate", *more)
        return Counter(name.removesuffix(_TOTAL), text, names, registry=self._registry)
