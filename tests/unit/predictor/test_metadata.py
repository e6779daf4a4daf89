"""What a client may know of the model before it sends anything."""

from tests.unit.predictor.cards import card
from weld_predictor.metadata import model_metadata

METADATA = model_metadata("north-line", card(features=2), digest="6c" * 32, limits={"readings": 10})


def test_the_tensors_are_listed_with_the_number_of_readings_left_open() -> None:
    assert METADATA["inputs"] == [
        {"name": "features", "datatype": "FP32", "shape": [-1, 2]},
        {"name": "sensor_id", "datatype": "BYTES", "shape": [-1]},
        {"name": "sampled_at", "datatype": "INT64", "shape": [-1]},
    ]
    assert METADATA["outputs"] == [
        {"name": "risk", "datatype": "FP32", "shape": [-1]},
        {"name": "decision", "datatype": "UINT8", "shape": [-1]},
        {"name": "flags", "datatype": "UINT32", "shape": [-1]},
    ]


def test_the_model_is_the_one_of_the_card() -> None:
    assert (METADATA["name"], METADATA["versions"], METADATA["platform"]) == ("north-line", ["1.0.0"], "sklearn_skops")


def test_the_properties_say_what_the_tensors_mean() -> None:
    assert METADATA["properties"] == {
        "asset_kind": "PipelineWeld",
        "sha256": "6c" * 32,
        "decision_threshold": "0.5",
        "features": "echo_0 [dB], echo_1 [dB]",
        "inputs": "features FP32 [N, 2], sensor_id BYTES or INT64 [N], sampled_at INT64 [N]",
        "context": "",
        "sensor_id": "BYTES or INT64",
        "sampled_at": "Unix time in milliseconds",
        "decision": "0 sound, 1 at_risk",
        "flags": "1 not_scored, 2 not_finite, 4 out_of_range, 8 late, 16 ahead, 32 missing_context, "
        "64 saturated, 128 no_coupling, 256 unknown_sensor, 512 carried",
        "not_scored_with": "not_finite, missing_context",
        "sampling": "All",
        "most_readings": "10",
    }
