# mypy: allow-subclassing-any
# (the KServe SDK's types are not followed)
"""KServe's model: decode and check, score in batches, decide, encode."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from kserve import Model
from numpy.typing import NDArray

from weld_api.card import BundleCard
from weld_api.predictor_settings import PredictorSettings
from weld_api.quantity import parse_duration
from weld_predictor.answer import OUTPUTS, Answer, requested_outputs
from weld_predictor.batching import MicroBatcher
from weld_predictor.calls import CALLS, InferenceCall
from weld_predictor.decision import complete, decide
from weld_predictor.extraction import FeatureThread
from weld_predictor.intake.fault import RequestError
from weld_predictor.intake.flags import Bounds, Flag, flag_readings, has
from weld_predictor.intake.form import InputForm
from weld_predictor.intake.readings import Readings, take_readings
from weld_predictor.intake.sensors import KnownSensors
from weld_predictor.intake.wire import RequestedOutput
from weld_predictor.life_cycle import LifeCycle
from weld_predictor.metadata import input_tensors, metadata_tensors
from weld_predictor.metrics import PredictorMetrics
from weld_predictor.tracing import Traces


@dataclass(frozen=True, slots=True)
class AcceptedRequest:
    """A request that will be answered."""

    call: InferenceCall
    id: str | None
    readings: Readings
    flags: NDArray[np.uint32]
    """[N]"""
    outputs: tuple[RequestedOutput, ...]


@dataclass(frozen=True, slots=True)
class ScoredRequest:
    """A request with its answer, not yet encoded."""

    accepted: AcceptedRequest
    answer: Answer


class RiskModel(Model):
    """The model of one bundle. KServe calls `preprocess`, `predict` and `postprocess` in turn and times each."""

    def __init__(
        self,
        settings: PredictorSettings,
        card: BundleCard,
        extraction: FeatureThread,
        batcher: MicroBatcher,
        metrics: PredictorMetrics,
        life_cycle: LifeCycle,
        traces: Traces,
        sensors: KnownSensors | None,
    ) -> None:
        super().__init__(settings.model_name)
        self.version = card.version
        self._most = settings.queue_readings
        self._form = InputForm.of(card)
        self._bounds = Bounds.of(card, parse_duration(settings.deadline), parse_duration(settings.jitter), sensors)
        self._deadline = parse_duration(settings.deadline).total_seconds()
        self._threshold = card.decision_threshold
        self._extraction = extraction
        self._batcher = batcher
        self._metrics = metrics
        self._life_cycle = life_cycle
        self._traces = traces

    async def healthy(self) -> bool:
        """Whether new requests should come here: what KServe's readiness routes ask."""
        return self._life_cycle.is_ready

    def load(self) -> bool:
        """KServe calls this on a model that is not ready; ours is loaded once, at the start."""
        return self._life_cycle.is_ready

    def get_input_types(self) -> list[dict[str, Any]]:
        return metadata_tensors(input_tensors(self._form))

    def get_output_types(self) -> list[dict[str, Any]]:
        return metadata_tensors(OUTPUTS)

    async def preprocess(self, payload: Any, headers: dict[str, str] | None = None) -> AcceptedRequest:
        """Decode and check a request, and take features from its waveforms.

        Raises RequestError, with the sentence that the client gets, and QueueFullError when too many waveforms wait.
        """
        del headers
        if not isinstance(payload, CALLS):
            raise RequestError("only inference is spoken here, expected a request to /v2/models/.../infer")
        started = time.perf_counter()
        request = payload.parse(self._form)
        outputs = requested_outputs(request)
        readings = take_readings(request, self._form, self._most)
        self._stage("decode", started)
        if readings.ascans is not None:
            readings = await self._with_features(readings)
        flags = flag_readings(readings, self._bounds, payload.arrived_at)
        return AcceptedRequest(payload, request.id, readings, flags, outputs)

    async def _with_features(self, readings: Readings) -> Readings:
        started = time.perf_counter()
        extracted = await self._extraction.features(readings, self._form)
        self._stage("features", started)
        return extracted

    async def predict(
        self,
        payload: AcceptedRequest,
        headers: dict[str, str] | None = None,
        response_headers: dict[str, str] | None = None,
    ) -> ScoredRequest:
        """Score what can be scored. Raises QueueFullError at once when too many readings wait."""
        del headers, response_headers
        started = time.perf_counter()
        features = payload.readings.features
        scorable = ~has(payload.flags, Flag.NOT_SCORED)
        if not scorable.all():
            features = features[scorable]
        scored = await self._batcher.risk(features) if len(features) else np.empty(0, np.float32)
        self._traces.stage("score", time.perf_counter() - started, len(features))
        risk, flags = complete(payload.flags, scored)
        answer = Answer(risk, decide(risk, self._threshold), flags)
        self._metrics.answer(answer)
        return ScoredRequest(payload, answer)

    async def postprocess(
        self,
        result: ScoredRequest,
        headers: dict[str, str] | None = None,
        response_headers: dict[str, str] | None = None,
    ) -> object:
        """Encode the answer as the request asks for it."""
        del headers, response_headers
        started = time.perf_counter()
        head = {"model_name": self.name, "model_version": self.version}
        if result.accepted.id is not None:
            head["id"] = result.accepted.id
        encoded = result.accepted.call.encode(result.answer, result.accepted.outputs, head)
        ended = self._stage("encode", started)
        if ended - result.accepted.call.started > self._deadline:
            self._metrics.deadline_missed(len(result.answer))
        return encoded

    def _stage(self, name: str, started: float) -> float:
        """A stage ends now; returns the instant."""
        ended = time.perf_counter()
        self._metrics.stage(name, ended - started)
        self._traces.stage(name, ended - started)
        return ended
