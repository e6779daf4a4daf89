"""An inference request as it came, by protocol: how its envelope is read and how its answer is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from weld_predictor.answer import Answer, RestAnswer, encode, encode_message, encode_predictions
from weld_predictor.intake.form import InputForm
from weld_predictor.intake.instances import parse_instances
from weld_predictor.intake.message import parse_message
from weld_predictor.intake.wire import RequestedOutput, WireRequest, parse_request


class InferenceCall(Protocol):
    """What the model needs of a protocol."""

    @property
    def arrived_at(self) -> int:
        """Unix time in milliseconds."""
        ...

    @property
    def started(self) -> float:
        """The same instant, by `time.perf_counter`."""
        ...

    def parse(self, form: InputForm) -> WireRequest:
        """Raises RequestError with one sentence."""
        ...

    def encode(self, answer: Answer, outputs: tuple[RequestedOutput, ...], head: dict[str, str]) -> object:
        """The response that the protocol's server sends."""
        ...


@dataclass(frozen=True, slots=True)
class RestCall:
    """The Open Inference Protocol over REST."""

    body: bytes
    json_length: str | None
    """Value of the header `Inference-Header-Content-Length`, None where it is absent."""
    arrived_at: int
    started: float

    def parse(self, form: InputForm) -> WireRequest:
        del form
        return parse_request(self.body, self.json_length)

    def encode(self, answer: Answer, outputs: tuple[RequestedOutput, ...], head: dict[str, str]) -> RestAnswer:
        return encode(answer, outputs, head)


@dataclass(frozen=True, slots=True)
class GrpcCall:
    """The Open Inference Protocol over gRPC."""

    message: Any
    """ModelInferRequest."""
    arrived_at: int
    started: float

    def parse(self, form: InputForm) -> WireRequest:
        del form
        return parse_message(self.message)

    def encode(self, answer: Answer, outputs: tuple[RequestedOutput, ...], head: dict[str, str]) -> bytes:
        return encode_message(answer, outputs, head)


@dataclass(frozen=True, slots=True)
class PredictCall:
    """Protocol V1."""

    body: bytes
    arrived_at: int
    started: float

    def parse(self, form: InputForm) -> WireRequest:
        return parse_instances(self.body, form, self.arrived_at)

    def encode(self, answer: Answer, outputs: tuple[RequestedOutput, ...], head: dict[str, str]) -> RestAnswer:
        del outputs, head
        return encode_predictions(answer)


CALLS = (RestCall, GrpcCall, PredictCall)
