"""What Prometheus is told."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kserve import metrics as kserve_metrics
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.samples import Sample

from weld_predictor.answer import Answer
from weld_predictor.intake.arrays import ArrayMemory
from weld_predictor.intake.flags import Flag
from weld_predictor.intake.memory import Recollection
from weld_predictor.intake.policy import Policy
from weld_predictor.metrics import (
    ArrayHistogram,
    HistogramFamily,
    KServeMetrics,
    MillisecondHistogram,
    PredictorMetrics,
)

LABELS = {"model": "north-line", "version": "1.0.0", "site": "north", "region": "south"}
ANSWER = Answer(
    risk=np.array([0.9, 0.1, 1], np.float32),
    decision=np.array([1, 0, 1], np.uint8),
    flags=np.array([0, Flag.LATE, Flag.LATE | Flag.NOT_SCORED], np.uint32),
)
DELAYS = np.array([20, -3, 2**62])


def test_readings_requests_batches_stages_and_flags_are_counted() -> None:
    registry = CollectorRegistry()
    metrics = PredictorMetrics(registry, **LABELS)
    metrics.watch_queue(lambda: 17)
    metrics.watch_quick_passes(lambda: 1200)
    metrics.bundle_is_served("ab" * 32)
    metrics.scorer_is("scikit-learn", "native scorer not built")
    metrics.queued(np.array([0.25, 0.5]))
    metrics.stage("score", 0.5)
    metrics.stage("decode", 0.125)
    metrics.requests("rest", "200", np.array([0.5, 0.25]))
    metrics.request("grpc", "RESOURCE_EXHAUSTED", 0.25)
    metrics.deadline_missed(3)
    metrics.answers(metrics.tally(ANSWER, None, DELAYS))

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"weldserve_{name}", {**LABELS, **labels})

    assert value("readings_total") == 3
    assert value("at_risk_readings_total") == 2
    assert value("deadline_missed_readings_total") == 3
    assert value("requests_total", protocol="rest", status="200") == 2
    assert value("requests_total", protocol="grpc", status="RESOURCE_EXHAUSTED") == 1
    assert value("requests_total", protocol="grpc", status="RESOURCE_EXHAUSTED") == 1
    assert value("request_seconds_sum", protocol="rest") == 0.75
    assert value("request_seconds_sum", protocol="grpc") == 0.25
    assert value("request_seconds_count", protocol="shadow") == 0
    assert value("quick_readings") == 1200
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
    whole.answers(whole.tally(ANSWER, RECALLED, DELAYS))
    first_part = parts.tally(ANSWER.part(0, 1), Recollection(np.array([0], np.intc), 0, 1, 0, 3), DELAYS[:1])
    second_part = parts.tally(ANSWER.part(1, 3), Recollection(np.array([], np.intc), 1, 1, 2, 0), DELAYS[1:])
    parts.answers(first_part + second_part)
    first, second = ([(each.name, each.labels, each.value) for each in samples(registry)] for registry in registries)
    passes = "weldserve_batch_readings"
    assert [each for each in first if passes not in each[0]] == [each for each in second if passes not in each[0]]


def test_what_is_remembered_is_counted_and_only_what_is_scored_has_its_risk_counted() -> None:
    registry = CollectorRegistry()
    metrics = PredictorMetrics(registry, **LABELS)
    memory = ArrayMemory(Policy(most_sensors=100))
    metrics.watch_memory(memory)
    metrics.answers(metrics.tally(ANSWER, RECALLED, DELAYS))

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"weldserve_{name}", {**LABELS, **labels})

    assert value("readings_total") == 3
    assert value("risk_count") == value("batch_readings_sum") == 1
    counted = [f"{what}_readings_total" for what in ("repeated", "disordered", "carried", "unremembered")]
    assert [value(name) for name in counted] == [1, 2, 2, 3]
    assert value("remembered_sensors") == value("forgotten_sensors") == 0
    assert value("sensor_memory_bytes") == memory.bytes_at(0)
    assert value("delivery_delay_seconds_count") == 3
    assert value("delivery_delay_seconds_bucket", le="0.005") == 1
    assert value("delivery_delay_seconds_bucket", le="0.01") == 1
    assert value("delivery_delay_seconds_bucket", le="0.02") == value("delivery_delay_seconds_bucket", le="10.0") == 2
    assert value("delivery_delay_seconds_sum") == 0.02 + 86_400


@given(st.lists(st.integers(0, 2000), max_size=30))
def test_milliseconds_are_counted_as_seconds_are(values: list[int]) -> None:
    ready, sought = MillisecondHistogram((1, 10, 20, 1000)), ArrayHistogram((0.001, 0.01, 0.02, 1.0))
    milliseconds = np.array(values, np.int64)
    assert ready.count_milliseconds(milliseconds).tolist() == sought.count(milliseconds / 1000).tolist()


RECALLED = Recollection(np.array([0], np.intc), repeated=1, disordered=2, carried=2, unremembered=3)


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
