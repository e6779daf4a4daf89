"""The inference and metadata routes of REST: raw bodies in, raw bodies out.

KServe's own inference route lets pydantic parse every value of every tensor into Python objects before the model sees
them; for these routes alone ours come first, and call the same model of KServe's registry. All other routes are
KServe's. Inference requests come here only where they are not plain: `front.connection` answers the others.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any
from urllib.parse import quote

import orjson
from fastapi import FastAPI
from kserve.errors import ModelNotReady
from kserve.protocol.dataplane import DataPlane
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from weld_predictor.answer import RestAnswer
from weld_predictor.batching import Client
from weld_predictor.calls import PredictCall, RestCall
from weld_predictor.compression import BodyReader, compress
from weld_predictor.faults import FAULTS, VersionNotFoundError, answer_fault
from weld_predictor.front.connection import CLIENT_CLOSED_REQUEST
from weld_predictor.front.deadline import GATEWAY_TIMEOUT_HEADER, TIMEOUT_HEADER, seconds_allowed
from weld_predictor.intake.form import InputForm
from weld_predictor.intake.wire import JSON_LENGTH_HEADER
from weld_predictor.life_cycle import LifeCycle
from weld_predictor.metrics import PredictorMetrics
from weld_predictor.tracing import Traces

_ENVELOPE_BYTES = 65_536
_BYTES_PER_READING = 1_024
"""Room for a sensor's name and a time, escaped as badly as JSON allows."""
_BYTES_PER_FEATURE = 32
"""Room for one number in JSON, with its comma and white space."""
_BYTES_PER_SAMPLE = 8
"""Room for a sample of a waveform in JSON, `-32768, `."""
_LONG_PIECE = 4_096
"""Bytes of compressed data that may take a millisecond or more to decompress."""


def longest_body(readings: int, form: InputForm) -> int:
    """Bytes of the longest request that is read: any sensible one of `readings` readings is shorter."""
    numbers = form.bytes_per_reading(_BYTES_PER_FEATURE, _BYTES_PER_SAMPLE)
    return _ENVELOPE_BYTES + readings * (_BYTES_PER_READING + numbers)


def inference_paths(model: str, version: str) -> frozenset[bytes]:
    """Of the Open Inference Protocol, for one model, as clients write them."""
    name = f"/v2/models/{quote(model, safe='')}"
    return frozenset(path.encode() for path in (f"{name}/infer", f"{name}/versions/{quote(version, safe='')}/infer"))


class InferenceRoutes:
    """`/v2/models/{name}`, its `/versions/{version}`, and `/infer` of both."""

    def __init__(
        self,
        version: str,
        metadata: dict[str, Any],
        longest: int,
        data_plane: DataPlane,
        metrics: PredictorMetrics,
        life_cycle: LifeCycle,
        traces: Traces,
    ) -> None:
        """`version` and `metadata` of the model; `longest`: bytes of the longest body."""
        self._version = version
        self._metadata = metadata
        self._longest_body = longest
        self._data_plane = data_plane
        self._metrics = metrics
        self._life_cycle = life_cycle
        self._traces = traces

    def add_properties(self, properties: dict[str, str]) -> None:
        """Say more in the metadata: what is known once the bundle is loaded."""
        self._metadata = {**self._metadata, "properties": {**self._metadata["properties"], **properties}}

    def register(self, app: FastAPI) -> None:
        for path in ("/v2/models/{model_name}", "/v2/models/{model_name}/versions/{model_version}"):
            app.add_route(path, self.metadata, methods=["GET"])
            app.add_route(f"{path}/infer", self.infer, methods=["POST"])
        app.add_route("/v2/models/{model_name}/versions/{model_version}/ready", self.ready, methods=["GET"])
        app.add_route("/v1/models/{model_name}:predict", self.predict, methods=["POST"])
        app.add_route("/v1/models/{model_name}:explain", self.explain, methods=["POST"])

    async def metadata(self, request: Request) -> Response:
        self._model(request)
        return Response(orjson.dumps(self._metadata), media_type="application/json")

    async def ready(self, request: Request) -> Response:
        if not await self._model(request).healthy():
            raise ModelNotReady(request.path_params["model_name"])
        return Response(
            orjson.dumps({"name": request.path_params["model_name"], "ready": True}), media_type="application/json"
        )

    async def explain(self, request: Request) -> Response:
        self._model(request)
        raise NotImplementedError("explanations are not given here, use :predict or /v2/models/.../infer")

    async def infer(self, request: Request) -> Response:
        """The Open Inference Protocol."""
        return await self._answer(request, RestCall)

    async def predict(self, request: Request) -> Response:
        """Protocol V1."""
        return await self._answer(request, PredictCall)

    async def _answer(self, request: Request, kind: type[RestCall] | type[PredictCall]) -> Response:
        started = time.perf_counter()
        try:
            return await self._score(request, kind, started)
        except FAULTS as error:
            response = answer_fault(error)
            status = response.status_code
        except ClientDisconnect:
            status = CLIENT_CLOSED_REQUEST
            response = Response(status_code=status)
        except Exception:
            self._refused(request, kind.protocol, 500, started)
            raise
        self._refused(request, kind.protocol, status, started)
        return response

    async def _score(self, request: Request, kind: type[RestCall] | type[PredictCall], started: float) -> Response:
        model = self._model(request)
        if not self._life_cycle.takes_requests:
            raise ModelNotReady(request.path_params["model_name"])
        headers = request.headers
        due = started + seconds_allowed(headers.get(TIMEOUT_HEADER), headers.get(GATEWAY_TIMEOUT_HEADER))
        body = await self._body(request)
        call = kind(Client(), started, body, due=due, headers=headers)
        if isinstance(call, RestCall):
            call.json_length = headers.get(JSON_LENGTH_HEADER)
        answer, _ = await model(call)
        return _response(answer, headers.get("accept-encoding", ""))

    def _refused(self, request: Request, protocol: str, status: int, started: float) -> None:
        """Those that are answered are counted with their pass."""
        self._metrics.request(protocol, str(status), time.perf_counter() - started)
        self._traces.request(protocol, request.headers, str(status), started)

    def _model(self, request: Request) -> Any:
        """KServe's model of the path. Raises ModelNotFound or VersionNotFoundError."""
        name: str = request.path_params["model_name"]
        model = self._data_plane.get_model_from_registry(name)
        version: str = request.path_params.get("model_version", self._version)
        if version != self._version:
            raise VersionNotFoundError(name, version, self._version)
        return model

    async def _body(self, request: Request) -> bytes:
        reader = BodyReader(request.headers.get("content-encoding", ""), self._longest_body)
        reader.declare(int(request.headers.get("content-length", 0)))
        async for piece in request.stream():
            if reader.is_compressed and len(piece) >= _LONG_PIECE:
                # Others are answered while it grows.
                await asyncio.to_thread(reader.take, piece)
            else:
                reader.take(piece)
        return reader.whole()


def _response(answer: RestAnswer, accepted_encodings: str) -> Response:
    if answer.json_length is None:
        body, encoding = compress(answer.body, accepted_encodings)
        headers = None if encoding is None else {"content-encoding": encoding, "vary": "accept-encoding"}
        return Response(body, headers=headers, media_type="application/json")
    # Binary tensors leave as they are: the last bits of a risk are as good as random and hardly shrink.
    headers = {JSON_LENGTH_HEADER: str(answer.json_length)}
    return Response(answer.body, headers=headers, media_type="application/octet-stream")
