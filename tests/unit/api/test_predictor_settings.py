"""The predictor reads back what the operator writes, and says which argument is wrong."""

from pathlib import Path

import pytest

from weld_api.predictor_settings import PredictorSettings, to_args
from weld_api.spec import WeldModelSpec

DIGEST = "6c" * 32
REQUIRED = {
    "model_name": "north-line",
    "digest": DIGEST,
    "version": "2.0.0",
    "asset_kind": "PipelineWeld",
    "site": "north",
}
SPEC = WeldModelSpec.model_validate(
    {
        "asset": {"kind": "PipelineWeld", "site": "north"},
        "model": {"version": "2.0.0", "uri": "pvc://bundles/weld", "sha256": DIGEST},
        "workload": {"readingsPerTick": 10_000, "tick": "100ms", "jitter": "20ms", "deadline": "80ms"},
        "serving": {"batching": {"maxReadings": 4096, "maxDelay": "3ms", "queueReadings": 50_000}},
    }
)


def refusal(*changed: str) -> str:
    with pytest.raises(ValueError, match="--") as error:
        PredictorSettings.from_args([*to_args(REQUIRED), *changed])
    return str(error.value)


def test_the_operators_arguments_come_back_as_settings() -> None:
    settings = PredictorSettings.from_args(to_args(PredictorSettings.for_model("north-line", SPEC)))
    assert settings == PredictorSettings.model_validate(
        {
            **REQUIRED,
            "tick": "100ms",
            "jitter": "20ms",
            "deadline": "80ms",
            "max_readings": 4096,
            "max_delay": "3ms",
            "queue_readings": 50_000,
        }
    )


@pytest.mark.parametrize(
    ("intake", "arguments"),
    [
        (None, []),
        (
            {"sampling": "EveryNth", "everyNth": 5, "lateness": "300ms", "late": "Reject", "mostSensors": 2000},
            ["--sampling=EveryNth", "--every-nth=5", "--longest-silence=10s", "--lateness=300ms", "--late=Reject",
             "--most-sensors=2000"],
        ),
        (
            {
                "sampling": "OnChange",
                "onChange": {"features": [{"name": "echo_1", "deadBand": 0.5}, {"name": "gate", "deadBand": 1e-7}]},
                "longestSilence": "4s",
            },
            ["--sampling=OnChange", "--on-change=echo_1:0.5,gate:1e-07", "--longest-silence=4s", "--late=Reserve",
             "--most-sensors=1000000"],
        ),
    ],
)  # fmt: skip
def test_intake_is_told_where_something_is_said_of_it(intake: object, arguments: list[str]) -> None:
    serving = SPEC.serving.model_dump(exclude={"intake"})
    spec = WeldModelSpec.model_validate({**SPEC.model_dump(), "serving": {**serving, "intake": intake}})
    before, after = (to_args(PredictorSettings.for_model("north-line", each)) for each in (SPEC, spec))
    assert [argument for argument in after if argument not in before] == arguments
    settings = PredictorSettings.from_args(after)
    if intake is not None and settings.sampling == "OnChange":
        assert settings.dead_bands == (("echo_1", 0.5), ("gate", 1e-7))


def test_the_runtimes_arguments_and_the_operators_add_up() -> None:
    runtime = [
        "--bundle=/mnt/models",
        "--listen-address=::",
        "--http-port=9000",
        "--termination-log=/dev/termination-log",
    ]
    settings = PredictorSettings.from_args([*runtime, *to_args(REQUIRED)])
    assert settings.bundle == Path("/mnt/models")
    assert (settings.listen_address, settings.http_port) == ("::", 9000)
    assert settings.termination_log == Path("/dev/termination-log")


def test_of_an_argument_given_twice_the_last_counts() -> None:
    assert PredictorSettings.from_args([*to_args(REQUIRED), "--site=north", "--site=south"]).site == "south"


@pytest.mark.parametrize(
    ("argument", "sentence"),
    [
        ("--digest=abc", "--digest=abc: String should match pattern '^[0-9a-f]{64}$'"),
        ("--jitter=20", "--jitter=20: '20' is not a duration"),
        ("--max-readings=0", "--max-readings=0: Input should be greater than or equal to 1"),
        ("--max-readings=many", "--max-readings=many: Input should be a valid integer"),
        ("--max-readings=40001", "--max-readings=40001 must not be above --queue-readings=40000"),
        ("--sampling=Some", "--sampling=Some: Input should be 'All', 'EveryNth' or 'OnChange'"),
        ("--sampling=EveryNth", "--every-nth must be given with --sampling=EveryNth, and only then"),
        ("--every-nth=5", "--every-nth must be given with --sampling=EveryNth, and only then"),
        ("--on-change=echo:1", "--on-change must be given with --sampling=OnChange, and only then"),
        ("--on-change=echo", "--on-change=echo: 'echo' is not a feature with its dead band"),
        ("--on-change=echo:-1", "--on-change=echo:-1: 'echo:-1' is not a feature with its dead band"),
        ("--on-change=echo:inf", "--on-change=echo:inf: 'echo:inf' is not a feature with its dead band"),
        ("--on-change=a:1,a:2", "--on-change=a:1,a:2: names 2 features, expected at most 8, each once"),
        ("--late=Score", "--late=Score: Input should be 'Reserve' or 'Reject'"),
        ("--listen-address=here", "--listen-address=here: is not an IP address"),
        ("--http-port=65536", "--http-port=65536: Input should be less than or equal to 65535"),
        ("--sites=north", "'--sites=north' is not an argument of the predictor; it knows --model-name, "),
        ("--max=3", "'--max=3' is not an argument of the predictor"),
        ("--site", "argument --site: expected one argument"),
    ],
)
def test_a_wrong_argument_is_named(argument: str, sentence: str) -> None:
    assert refusal(argument).startswith(sentence)


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_argument_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=f"^--{name.replace('_', '-')} is required$"):
        PredictorSettings.from_args(to_args({key: value for key, value in REQUIRED.items() if key != name}))
