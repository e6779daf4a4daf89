"""The Open Inference Protocol over gRPC, in the event loop of the REST server and before the same model.

KServe's own server listens on all interfaces, lets protobuf and its own types copy every value, answers bytes that
are no message with INTERNAL, and leaves out the model's versions; so the service is ours and its messages are KServe's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import grpc
from google.protobuf.message import DecodeError
from grpc import aio
from kserve.errors import ModelNotReady
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb

from weld_predictor.batching import NO_DEADLINE, Client
from weld_predictor.calls import GrpcCall
from weld_predictor.faults import FAULTS, GRPC_CODES, VersionNotFoundError, come_again_after, status_of
from weld_predictor.intake.fault import RequestError
from weld_predictor.life_cycle import LifeCycle
from weld_predictor.listening import AddressError
from weld_predictor.metrics import PredictorMetrics
from weld_predictor.model import RiskModel
from weld_predictor.tracing import Traces

SERVICE = "inference.GRPCInferenceService"

Context: TypeAlias = Any
"""grpc.aio.ServicerContext."""
Method = Callable[[bytes, Context], Awaitable[Any]]


class InferenceService:
    """The six methods of the protocol; each takes a message as bytes and gives one, or its bytes."""

    def __init__(
        self,
        version: str,
        metadata: dict[str, Any],
        model: RiskModel,
        data_plane: DataPlane,
        metrics: PredictorMetrics,
        life_cycle: LifeCycle,
        traces: Traces,
    ) -> None:
        """`version` and `metadata` of the model."""
        self._version = version
        self._metadata = pb.ModelMetadataResponse(**_known_fields(metadata))
        self._risk_model = model
        self._data_plane = data_plane
        self._metrics = metrics
        self._life_cycle = life_cycle
        self._traces = traces

    def handler(self) -> grpc.GenericRpcHandler:
        """What a server answers with."""
        methods: dict[str, Method] = {
            "ServerLive": self.server_live,
            "ServerReady": self.server_ready,
            "ServerMetadata": self.server_metadata,
            "ModelReady": self.model_ready,
            "ModelMetadata": self.model_metadata,
            "ModelInfer": self.model_infer,
        }
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(_answering(method), response_serializer=_serialize)
            for name, method in methods.items()
        }
        generic: grpc.GenericRpcHandler = grpc.method_handlers_generic_handler(SERVICE, handlers)
        return generic

    async def server_live(self, _: bytes, __: Context) -> Any:
        return pb.ServerLiveResponse(live=True)

    async def server_ready(self, _: bytes, __: Context) -> Any:
        return pb.ServerReadyResponse(ready=await self._data_plane.ready())

    async def server_metadata(self, _: bytes, __: Context) -> Any:
        return pb.ServerMetadataResponse(**self._data_plane.metadata())

    async def model_ready(self, request: bytes, _: Context) -> Any:
        message = _read(pb.ModelReadyRequest, request)
        return pb.ModelReadyResponse(ready=await self._model(message.name, message.version).healthy())

    async def model_metadata(self, request: bytes, _: Context) -> Any:
        message = _read(pb.ModelMetadataRequest, request)
        self._model(message.name, message.version)
        return self._metadata

    async def model_infer(self, request: bytes, context: Context) -> bytes:
        started = time.perf_counter()
        try:
            return await self._infer(request, context, started)
        except FAULTS as error:
            self._refused(context, GRPC_CODES[status_of(error)], started)
            raise
        except asyncio.CancelledError:
            self._refused(context, grpc.StatusCode.CANCELLED, started)
            raise
        except Exception:
            self._refused(context, grpc.StatusCode.INTERNAL, started)
            raise

    async def _infer(self, request: bytes, context: Context, started: float) -> bytes:
        left = context.time_remaining()
        headers = dict(context.invocation_metadata()) if self._traces.are_recorded else {}
        due = NO_DEADLINE if left is None else started + left
        call = GrpcCall(Client(), started, request, due=due, headers=headers)
        call.check_model = self._check_ready
        answer, _ = await self._risk_model(call)
        serialized: bytes = answer
        return serialized

    def _check_ready(self, name: str, version: str) -> None:
        self._model(name, version)
        if not self._life_cycle.takes_requests:
            raise ModelNotReady(name)

    def _refused(self, context: Context, code: grpc.StatusCode, started: float) -> None:
        """Those that are answered are counted with their pass."""
        self._metrics.request(GrpcCall.protocol, code.name, time.perf_counter() - started)
        if self._traces.are_recorded:
            self._traces.request(GrpcCall.protocol, dict(context.invocation_metadata()), code.name, started)

    def _model(self, name: str, version: str) -> Any:
        """KServe's model. Raises ModelNotFound or VersionNotFoundError."""
        model = self._data_plane.get_model_from_registry(name)
        if version not in ("", self._version):
            raise VersionNotFoundError(name, version, self._version)
        return model


class PredictorGrpcServer:
    """Serves from `start` until `close`."""

    def __init__(self, service: InferenceService, longest: int) -> None:
        """`longest`: bytes of the longest message that is read."""
        self._service = service
        self._longest = longest
        self._server: aio.Server | None = None

    async def start(self, address: str, port: int) -> int:
        """Listen on the IP address `address`; returns the port, chosen freely for 0. Raises AddressError."""
        options = (
            ("grpc.max_receive_message_length", self._longest),
            ("grpc.max_send_message_length", -1),
            # Otherwise two predictors could share a port without a word.
            ("grpc.so_reuseport", 0),
        )
        self._server = aio.server(handlers=(self._service.handler(),), options=options)
        host = f"[{address}]" if ":" in address else address
        try:
            bound = self._server.add_insecure_port(f"{host}:{port}")
        except RuntimeError:
            raise AddressError(f"cannot listen on {address} port {port} for gRPC") from None
        await self._server.start()
        return int(bound)

    async def close(self, finish_within: float) -> None:
        """Take no more requests, and return when those under way are answered or `finish_within` seconds are over."""
        if self._server is not None:
            await self._server.stop(finish_within)


def _answering(method: Method) -> Method:
    """`method`, with faults answered by their code and sentence."""

    async def answer(request: bytes, context: Context) -> Any:
        try:
            return await method(request, context)
        except FAULTS as error:
            await _abort(context, error)

    return answer


async def _abort(context: Context, error: Exception) -> None:
    """Ends the method, by an exception of gRPC's own."""
    seconds = come_again_after(error)
    trailing = () if seconds is None else (("retry-after", str(seconds)), ("grpc-retry-pushback-ms", f"{seconds}000"))
    await context.abort(GRPC_CODES[status_of(error)], str(error), trailing)


def _read(kind: Any, request: bytes) -> Any:
    try:
        return kind.FromString(request)
    except DecodeError:
        raise RequestError(
            f"the {len(request)} bytes of the request cannot be read, expected a {kind.__name__}"
        ) from None


def _serialize(message: Any) -> bytes:
    """Of a message, or of one that is serialized already."""
    if isinstance(message, bytes):
        return message
    serialized: bytes = message.SerializeToString()
    return serialized


def _known_fields(metadata: dict[str, Any]) -> dict[str, Any]:
    """Those that KServe's messages have: its copy of the protocol may lack the latest."""
    known = pb.ModelMetadataResponse.DESCRIPTOR.fields_by_name
    return {name: value for name, value in metadata.items() if name in known}
