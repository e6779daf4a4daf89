"""The inference and metadata routes: raw bodies in, raw bodies out.

KServe's own inference route lets pydantic parse every value of every tensor into Python objects before the model sees
them; for these routes alone ours come first, and call the same model of KServe's registry. All other routes are
KServe's.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import orjson
from fastapi import FastAPI
from kserve.errors import ModelNotReady
from kserve.protocol.dataplane import DataPlane
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from weld_api.card import BundleCard
from weld_api.predictor_settings import PredictorSettings
from weld_api.quantity import parse_duration
from weld_predictor.answer import RestAnswer
from weld_predictor.faults import FAULTS, BodyTooLargeError, EncodingError, VersionNotFoundError, answer_fault
from weld_predictor.intake.wire import JSON_LENGTH_HEADER
from weld_predictor.life_cycle import LifeCycle
from weld_predictor.metadata import model_metadata
from weld_predictor.metrics import PredictorMetrics
from weld_predictor.model import RestRequest

CLIENT_CLOSED_REQUEST = 499
"""Status, in the metrics only, of a request whose client went away before it was sent whole (nginx's number)."""

_ENVELOPE_BYTES = 65_536
_BYTES_PER_READING = 1_024
"""Room for a sensor's name and a time, escaped as badly as JSON allows."""
_BYTES_PER_FEATURE = 32
"""Room for one number in JSON, with its comma and white space."""


def longest_body(readings: int, features: int) -> int:
    """Bytes of the longest request that is read: any sensible one of `readings` readings is shorter."""
    return _ENVELOPE_BYTES + readings * (_BYTES_PER_READING + features * _BYTES_PER_FEATURE)


class InferenceRoutes:
    """`/v2/models/{name}`, its `/versions/{version}`, and `/infer` of both."""

    def __init__(
        self,
        settings: PredictorSettings,
        card: BundleCard,
        data_plane: DataPlane,
        metrics: PredictorMetrics,
        life_cycle: LifeCycle,
        wall_clock: Callable[[], int],
    ) -> None:
        """`wall_clock` gives Unix time in milliseconds."""
        self._version = card.version
        self._metadata = orjson.dumps(model_metadata(settings.model_name, card, settings.digest))
        self._deadline = parse_duration(settings.deadline).total_seconds()
        self._longest_body = longest_body(settings.queue_readings, len(card.inputs))
        self._data_plane = data_plane
        self._metrics = metrics
        self._life_cycle = life_cycle
        self._wall_clock = wall_clock

    def register(self, app: FastAPI) -> None:
        for path in ("/v2/models/{model_name}", "/v2/models/{model_name}/versions/{model_version}"):
            app.add_route(path, self.metadata, methods=["GET"])
            app.add_route(f"{path}/infer", self.infer, methods=["POST"])
        app.add_route("/v2/models/{model_name}/versions/{model_version}/ready", self.ready, methods=["GET"])
        for verb in ("predict", "explain"):
            app.add_route(f"/v1/models/{{model_name}}:{verb}", self.version_one, methods=["POST"])

    async def metadata(self, request: Request) -> Response:
        self._model(request)
        return Response(self._metadata, media_type="application/json")

    async def ready(self, request: Request) -> Response:
        if not await self._model(request).healthy():
            raise ModelNotReady(request.path_params["model_name"])
        return Response(
            orjson.dumps({"name": request.path_params["model_name"], "ready": True}), media_type="application/json"
        )

    async def version_one(self, request: Request) -> Response:
        self._model(request)
        raise NotImplementedError("protocol V1 is not spoken here, use the Open Inference Protocol: /v2/models")

    async def infer(self, request: Request) -> Response:
        started = time.perf_counter()
        status = 500
        try:
            response = await self._infer(request, started)
            status = response.status_code
        except FAULTS as error:
            response = answer_fault(error)
            status = response.status_code
        except ClientDisconnect:
            status = CLIENT_CLOSED_REQUEST
            response = Response(status_code=status)
        finally:
            self._metrics.request(status, time.perf_counter() - started)
        return response

    async def _infer(self, request: Request, started: float) -> Response:
        arrived_at = self._wall_clock()
        model = self._model(request)
        if not self._life_cycle.takes_requests:
            raise ModelNotReady(request.path_params["model_name"])
        body = await self._body(request)
        rest_request = RestRequest(body, request.headers.get(JSON_LENGTH_HEADER), arrived_at)
        answer, _ = await model(rest_request)
        if time.perf_counter() - started > self._deadline:
            self._metrics.deadline_missed(answer.readings)
        return _response(answer)

    def _model(self, request: Request) -> Any:
        """KServe's model of the path. Raises ModelNotFound or VersionNotFoundError."""
        name: str = request.path_params["model_name"]
        model = self._data_plane.get_model_from_registry(name)
        version: str = request.path_params.get("model_version", self._version)
        if version != self._version:
            raise VersionNotFoundError(f"Model with name {name} has no version {version} here, it has {self._version}.")
        return model

    async def _body(self, request: Request) -> bytes:
        encoding = request.headers.get("content-encoding", "identity")
        if encoding != "identity":
            raise EncodingError(f"content-encoding {encoding!r} came, expected a body without compression")
        self._check_length(int(request.headers.get("content-length", 0)))
        chunks: list[bytes] = []
        length = 0
        async for chunk in request.stream():
            length += len(chunk)
            self._check_length(length)
            chunks.append(chunk)
        return b"".join(chunks)

    def _check_length(self, length: int) -> None:
        if length > self._longest_body:
            raise BodyTooLargeError(f"the body has {length} bytes or more, expected at most {self._longest_body}")


def _response(answer: RestAnswer) -> Response:
    if answer.json_length is None:
        return Response(answer.body, media_type="application/json")
    headers = {JSON_LENGTH_HEADER: str(answer.json_length)}
    return Response(answer.body, headers=headers, media_type="application/octet-stream")
