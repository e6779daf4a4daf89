"""In one pass, every call has the answer that it would have alone, or its own fault."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import numpy as np
import orjson
import pytest
from kserve import metrics as kserve_metrics
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry

from tests.unit.predictor.cards import card
from tests.unit.predictor.messages import message
from tests.unit.predictor.requests import Body, binary_body, json_body, numbered, readings
from weld_predictor.answer import RestAnswer
from weld_predictor.batching import Client, MicroBatcher
from weld_predictor.calls import Call, GrpcCall, PredictCall, RestCall
from weld_predictor.envelopes import Envelopes
from weld_predictor.extraction import FeatureThreads
from weld_predictor.intake.fault import RequestError
from weld_predictor.intake.flags import Bounds, Flag
from weld_predictor.intake.form import InputForm
from weld_predictor.intake.readings import with_features
from weld_predictor.metrics import KServeMetrics, PredictorMetrics
from weld_predictor.pass_thread import PassThread
from weld_predictor.passes import Assessor, Passes
from weld_predictor.reception import Reception
from weld_predictor.tracing import Traces

FEATURES = 3
FORM = InputForm.of(card(FEATURES))
BOUNDS = Bounds.of(card(FEATURES), timedelta(seconds=1), timedelta(0))
NOW = 1_700_000_000_000
LABELS = {"model": "north-line", "version": "1.0.0", "site": "north"}

Floats = NDArray[np.float32]


class EstimatorError(Exception):
    pass


def first_feature(features: Floats) -> Floats:
    """Fails on whole batches, where a first feature is above 0.95."""
    if (features[:, 0] > 0.95).any():
        raise EstimatorError
    return np.abs(features[:, 0])


def kserves_registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    for theirs in (kserve_metrics.PRE_HIST_TIME, kserve_metrics.PREDICT_HIST_TIME, kserve_metrics.POST_HIST_TIME):
        registry.register(theirs)
    return registry


class Predictor:
    """All from the reception to the answers, on this thread or on that of passes."""

    def __init__(
        self, risk: Callable[[Floats], Floats] = first_feature, max_readings: int = 100, shadow: Any = None
    ) -> None:
        self.registry = CollectorRegistry()
        self.thread = PassThread()
        self.batches: list[int] = []
        metrics = PredictorMetrics(self.registry, **LABELS)

        def counted(features: Floats) -> Floats:
            self.batches.append(len(features))
            return risk(features)

        passes = Passes(
            FORM,
            Assessor(BOUNDS, 0.5, counted),
            self.thread,
            metrics,
            KServeMetrics("north-line", kserves_registry()),
            Traces(None),
            deadline=1,
            wall_clock=lambda: NOW,
            shadow=shadow,
        )
        batcher = MicroBatcher(passes.perform, max_readings=max_readings, max_delay=0, queue_readings=1000)
        envelopes = Envelopes(FORM, 1000, {"model_name": "north-line", "model_version": "1.0.0"})
        extraction = FeatureThreads(1000, partial(with_features, form=FORM), 1)
        self.reception = Reception(envelopes, batcher, extraction, self.thread, metrics, lambda: NOW)

    async def answer(self, *calls: Call) -> list[Any]:
        """What each of the calls is settled with, all of them taken at once."""
        outcomes: list[asyncio.Future[Any]] = []
        for call in calls:
            outcomes.append(asyncio.get_running_loop().create_future())
            call.settle_with = partial(settle, outcomes[-1])
            self.reception.take(call)
        async with asyncio.timeout(10):
            return await asyncio.gather(*outcomes)


def settle(future: asyncio.Future[Any], _: Call, outcome: Any) -> None:
    future.set_result(outcome)


def rest(body: Body) -> RestCall:
    call = RestCall(Client(), 0.0, body[0])
    call.json_length = body[1]
    return call


def of(count: int, seed: int) -> Any:
    given = readings(count, FEATURES, sampled_at=0, seed=seed)
    given.features[:, 0] *= 0.9
    return given


def risks(outcome: Any) -> list[float]:
    assert isinstance(outcome, RestAnswer), outcome
    [risk, *_] = orjson.loads(outcome.body)["outputs"]
    return [float(np.float32(value)) for value in risk["data"]]


def expected(given: Any) -> list[float]:
    return [float(value) for value in np.abs(given.features[:, 0])]


async def test_calls_of_every_protocol_and_form_share_a_pass() -> None:
    predictor, given = Predictor(), [of(count, seed=count) for count in (2, 3, 4, 5, 6)]
    grpc = GrpcCall(Client(), 0.0, message(given[3]).SerializeToString())
    grpc.check_model = lambda *_: None
    v1 = PredictCall(Client(), 0.0, orjson.dumps({"instances": given[4].features.tolist()}))
    calls = [rest(binary_body(given[0])), rest(json_body(given[1])), rest(binary_body(numbered(given[2]))), grpc, v1]
    outcomes = await predictor.answer(*calls)
    for sent, outcome in zip(given[:3], outcomes, strict=False):
        assert risks(outcome) == expected(sent)
    assert np.abs(given[3].features[:, 0]).astype("<f4").tobytes() in outcomes[3]
    predictions = orjson.loads(outcomes[4].body)["predictions"]
    assert [float(np.float32(each["risk"])) for each in predictions] == expected(given[4])
    # Those whose sensors go by number have a batch of their own.
    assert sorted(predictor.batches) == [4, 16]


async def test_a_call_that_the_estimator_fails_on_fails_alone() -> None:
    predictor, given = Predictor(), [of(2, seed) for seed in (1, 2, 3)]
    given[1].features[0, 0] = 0.99
    outcomes = await predictor.answer(*(rest(binary_body(each)) for each in given))
    assert [risks(outcomes[0]), risks(outcomes[2])] == [expected(given[0]), expected(given[2])]
    assert isinstance(outcomes[1], EstimatorError)


async def test_a_call_whose_names_are_none_fails_alone() -> None:
    predictor, given = Predictor(), [of(2, seed) for seed in (1, 2, 3)]
    calls = [rest(binary_body(each)) for each in given]
    calls[1].body = calls[1].body.replace(b"sensor-1", b"senso\0-1")
    outcomes = await predictor.answer(*calls)
    assert [risks(outcomes[0]), risks(outcomes[2])] == [expected(given[0]), expected(given[2])]
    assert isinstance(outcomes[1], RequestError)
    assert str(outcomes[1]) == "tensor 'sensor_id': an element contains a NUL byte, expected text"


@pytest.mark.parametrize("binary_out", [False, True])
async def test_a_call_in_parts_has_one_answer(binary_out: bool) -> None:
    given = of(250, 1)
    body = binary_body(given, parameters={"binary_data_output": binary_out})
    whole = await Predictor(max_readings=1000).answer(rest(body))
    predictor = Predictor(max_readings=100)
    parts = await predictor.answer(rest(body))
    assert parts == whole
    assert predictor.batches == [100, 100, 50]


async def test_a_call_in_parts_that_fails_is_not_scored_to_its_end() -> None:
    predictor, given = Predictor(max_readings=100), of(250, 1)
    given.features[5, 0] = 0.99
    [outcome] = await predictor.answer(rest(binary_body(given)))
    assert isinstance(outcome, EstimatorError)
    assert predictor.batches == [100]


async def test_flags_tell_when_each_call_arrived() -> None:
    predictor = Predictor()
    clock = predictor.reception._batcher._clock
    given = readings(1, FEATURES, sampled_at=NOW - 3_000)
    given.features[:] = 0
    early, late = rest(json_body(given)), rest(json_body(given))
    early.came, late.came = clock() - 2.5, clock()
    outcomes = await predictor.answer(early, late)
    flags = [orjson.loads(outcome.body)["outputs"][2]["data"] for outcome in outcomes]
    assert flags == [[0], [Flag.LATE]]


async def test_what_was_withdrawn_is_neither_answered_nor_counted() -> None:
    predictor = Predictor()
    gone, other = rest(binary_body(of(2, 1))), rest(binary_body(of(3, 2)))
    settled: list[Call] = []
    gone.settle_with = lambda call, _: settled.append(call)
    predictor.reception.take(gone)
    predictor.reception.withdraw(gone)
    await predictor.answer(other)
    assert settled == []
    assert predictor.registry.get_sample_value("weldserve_readings_total", {**LABELS, "region": ""}) == 3
