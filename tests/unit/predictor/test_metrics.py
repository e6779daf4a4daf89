"""What Prometheus is told."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kserve import metrics as kserve_metrics
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.samples import Sample

from weld_predictor.answer import Answer
from weld_predictor.intake.flags import Flag
from weld_predictor.metrics import ArrayHistogram, HistogramFamily, KServeMetrics, PredictorMetrics

LABELS = {"model": "north-line", "version": "1.0.0", "site": "north", "region": "south"}
ANSWER = Answer(
    risk=np.array([0.9, 0.1, 1], np.float32),
    decision=np.array([1, 0, 1], np.uint8),
    flags=np.array([0, Flag.LATE, Flag.LATE | Flag.NOT_SCORED], np.uint32),
)


def test_readings_requests_batches_stages_and_flags_are_counted() -> None:
    registry = CollectorRegistry()
    metrics = PredictorMetrics(registry, **LABELS)
    metrics.watch_queue(lambda: 17)
    metrics.bundle_is_served("ab" * 32)
    metrics.scorer_is("scikit-learn", "native scorer not built")
    metrics.queued(np.array([0.25, 0.5]))
    metrics.stage("score", 0.5)
    metrics.stage("decode", 0.125)
    metrics.requests("rest", "200", np.array([0.5, 0.25]))
    metrics.request("grpc", "RESOURCE_EXHAUSTED", 0.25)
    metrics.deadline_missed(3)
    metrics.answers(metrics.tally(ANSWER))

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"weldserve_{name}", {**LABELS, **labels})

    assert value("readings_total") == 3
    assert value("at_risk_readings_total") == 2
    assert value("deadline_missed_readings_total") == 3
    assert value("requests_total", protocol="rest", status="200") == 2
    assert value("requests_total", protocol="grpc", status="RESOURCE_EXHAUSTED") == 1
    assert value("requests_total", protocol="grpc", status="RESOURCE_EXHAUSTED") == 1
    assert value("request_seconds_sum") == 1
    assert value("batch_readings_sum") == 2
    assert value("stage_seconds_sum", stage="queue") == 0.75
    assert value("stage_seconds_count", stage="score") == 1
    assert value("stage_seconds_sum", stage="decode") == 0.125
    assert value("flagged_readings_total", flag="late") == 2
    assert value("flagged_readings_total", flag="not_scored") == 1
    assert value("flagged_readings_total", flag="not_finite") == 0
    assert value("risk_count") == 2
    assert value("risk_bucket", le="0.1") == 1
    assert value("risk_bucket", le="0.9") == value("risk_bucket", le="+Inf") == 2
    assert value("queue_readings") == 17
    assert value("bundle_info", sha256="ab" * 32) == 1
    assert value("scorer_info", scorer="scikit-learn", reason="native scorer not built") == 1


def test_tallies_of_parts_add_up_to_that_of_the_whole() -> None:
    registries = CollectorRegistry(), CollectorRegistry()
    whole, parts = (PredictorMetrics(registry, **LABELS) for registry in registries)
    whole.answers(whole.tally(ANSWER))
    parts.answers(parts.tally(ANSWER.part(0, 1)) + parts.tally(ANSWER.part(1, 3)))
    first, second = ([(each.name, each.labels, each.value) for each in samples(registry)] for registry in registries)
    passes = "weldserve_batch_readings"
    assert [each for each in first if passes not in each[0]] == [each for each in second if passes not in each[0]]


def samples(registry: CollectorRegistry) -> list[Sample]:
    return [sample for family in registry.collect() for sample in family.samples if "_created" not in sample.name]


@given(st.lists(st.sampled_from([0.0, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 100.0]), max_size=30))
def test_arrays_are_counted_as_prometheus_own_histogram_counts_values(values: list[float]) -> None:
    theirs, ours = CollectorRegistry(), CollectorRegistry()
    bounds = (0.1, 0.2, 0.5, 1.0, 4.0**10)
    histogram = Histogram("seconds", "Seconds.", ("model",), buckets=bounds, registry=theirs).labels("north-line")
    for value in values:
        histogram.observe(value)
    counted = ArrayHistogram(bounds)
    HistogramFamily(ours, "seconds", "Seconds.", {"model": "north-line"}, {"": counted})
    half = len(values) // 2
    counted.observe(np.array(values[:half]))
    for value in values[half:]:
        counted.observe_one(value)
    expected = {(each.name, *each.labels.values()): each.value for each in samples(theirs)}
    assert {(each.name, *each.labels.values()): each.value for each in samples(ours)} == pytest.approx(expected)


def test_kserves_histograms_are_replaced_in_its_registry_name_by_name() -> None:
    registry = CollectorRegistry()
    for theirs in (kserve_metrics.PRE_HIST_TIME, kserve_metrics.PREDICT_HIST_TIME, kserve_metrics.POST_HIST_TIME):
        registry.register(theirs)
    KServeMetrics("north-line", registry).answered(0.5, np.array([1.0, 2.0]), 0.25)
    for step, total in (("preprocess", 1), ("predict", 3), ("postprocess", 0.5)):
        labels = {"model_name": "north-line"}
        assert registry.get_sample_value(f"request_{step}_seconds_count", labels) == 2
        assert registry.get_sample_value(f"request_{step}_seconds_sum", labels) == total
        bounds = {*map(str, kserve_metrics.PRE_HIST_TIME.DEFAULT_BUCKETS[:-1]), "+Inf"}
        buckets = f"request_{step}_seconds_bucket"
        assert {each.labels["le"] for each in samples(registry) if each.name == buckets} == bounds
