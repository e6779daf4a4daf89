"""What Prometheus is told."""

import numpy as np
from prometheus_client import CollectorRegistry

from weld_predictor.answer import Answer
from weld_predictor.batching import Batch
from weld_predictor.intake.flags import Flag
from weld_predictor.metrics import PredictorMetrics

LABELS = {"model": "north-line", "version": "1.0.0", "site": "north", "region": "south"}


def test_readings_requests_batches_stages_and_flags_are_counted() -> None:
    registry = CollectorRegistry()
    metrics = PredictorMetrics(registry, **LABELS)
    metrics.watch_queue(lambda: 17)
    metrics.bundle_is_served("ab" * 32)
    metrics.batch(Batch(readings=3, seconds=0.5, waits=(0.25, 0.5)))
    metrics.stage("decode", 0.125)
    metrics.request("rest", "200", 0.75)
    metrics.request("grpc", "RESOURCE_EXHAUSTED", 0.25)
    metrics.deadline_missed(3)
    metrics.answer(
        Answer(
            risk=np.array([0.9, 0.1, 1], np.float32),
            decision=np.array([1, 0, 1], np.uint8),
            flags=np.array([0, Flag.LATE, Flag.LATE | Flag.NOT_SCORED], np.uint32),
        )
    )

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"weldserve_{name}", {**LABELS, **labels})

    assert value("readings_total") == 3
    assert value("at_risk_readings_total") == 2
    assert value("deadline_missed_readings_total") == 3
    assert value("requests_total", protocol="rest", status="200") == 1
    assert value("requests_total", protocol="grpc", status="RESOURCE_EXHAUSTED") == 1
    assert value("request_seconds_sum") == 1
    assert value("batch_readings_sum") == 3
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
