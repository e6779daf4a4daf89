"""An inference request as it came, by protocol: how its envelope is read and how its answer is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from weld_predictor.answer import Answer, RestAnswer, encode, encode_message, encode_predictions
from weld_predictor.batching import NO_DEADLINE, Client, Request
from weld_predictor.envelopes import Envelope, Envelopes, Opened
from weld_predictor.intake.readings import Readings

_NO_HEADERS: Mapping[str, str] = {}

Settle = Callable[["Call", Any], None]
"""Takes a call and its outcome: the response as its protocol writes it, or the exception that it failed with."""


def _settle_nobody(call: Call, outcome: Any) -> None:
    """Until it is said who waits for it."""


class Call(Request):
    """One inference request on its way from a server to its answer."""

    __slots__ = ("answers", "ascans", "body", "envelope", "headers", "is_settled", "readings", "settle_with", "steps")

    protocol: ClassVar[str]
    """In the metrics."""
    status: ClassVar[str] = "200"
    """In the metrics, where it was answered."""

    body: bytes
    envelope: Envelope
    """Once it is opened."""
    readings: Readings | None
    """Those that are not read from the body by the envelope's layout."""

    def __init__(
        self,
        client: Client,
        came: float,
        body: bytes,
        settle: Settle = _settle_nobody,
        due: float = NO_DEADLINE,
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> None:
        """`came` and `due` by `time.perf_counter`; `headers` where it is to be traced."""
        self.client = client
        self.came = came
        self.due = due
        self.promised = NO_DEADLINE
        self.readings_count = 0
        self.taken = 0
        self.body = body
        self.settle_with = settle
        self.headers = headers
        self.is_settled = False
        self.steps: tuple[tuple[str, float], ...] = ()
        """What was done for it alone, with its seconds."""
        self.answers: list[Answer] | None = None
        """Of the parts that are scored, where it is scored in parts."""
        self.ascans: NDArray[np.int16] | None = None
        """[N, S], of which its features were taken, where it came as waveforms."""

    def open(self, envelopes: Envelopes, arrived_at: Callable[[], int]) -> None:
        """Read the envelope; `arrived_at`: Unix time in milliseconds. Raises RequestError with one sentence."""
        self.envelope, self.readings = self._opened(envelopes, arrived_at)
        self.readings_count = self.envelope.readings

    def write(self, answer: Answer) -> Any:
        """The response, where it is not all in binary."""
        raise NotImplementedError

    def frame(self, body: bytes) -> Any:
        """The response of which `body` is the envelope's frame, filled."""
        raise NotImplementedError

    def settle(self, outcome: Any) -> None:
        """The call's end: its response, or an exception. Of several, the first counts."""
        if not self.is_settled:
            self.is_settled = True
            self.settle_with(self, outcome)

    def fail(self, error: Exception) -> None:
        self.settle(error)

    def _opened(self, envelopes: Envelopes, arrived_at: Callable[[], int]) -> Opened:
        raise NotImplementedError


class RestCall(Call):
    """The Open Inference Protocol over REST."""

    __slots__ = ("json_length",)

    protocol = "rest"

    json_length: str | None
    """Value of the header `Inference-Header-Content-Length`, None where it is absent; set before it is opened."""

    def _opened(self, envelopes: Envelopes, arrived_at: Callable[[], int]) -> Opened:
        del arrived_at
        return envelopes.of_body(self.body, self.json_length)

    def write(self, answer: Answer) -> RestAnswer:
        return encode(answer, self.envelope.outputs, self.envelope.head)

    def frame(self, body: bytes) -> RestAnswer:
        assert self.envelope.frame is not None
        return RestAnswer(body, self.envelope.frame.json_length)


class GrpcCall(Call):
    """The Open Inference Protocol over gRPC; `body` is a ModelInferRequest."""

    __slots__ = ("check_model",)

    protocol = "grpc"
    status = "OK"

    check_model: Callable[[str, str], object]
    """Raises what is wrong with the name and the version of the model; set before it is opened."""

    def _opened(self, envelopes: Envelopes, arrived_at: Callable[[], int]) -> Opened:
        del arrived_at
        return envelopes.of_message(self.body, self.check_model)

    def write(self, answer: Answer) -> bytes:
        return encode_message(answer, self.envelope.outputs, self.envelope.head)

    def frame(self, body: bytes) -> bytes:
        return body


class PredictCall(Call):
    """Protocol V1."""

    __slots__ = ()

    protocol = "v1"

    def _opened(self, envelopes: Envelopes, arrived_at: Callable[[], int]) -> Opened:
        return envelopes.of_instances(self.body, arrived_at())

    def write(self, answer: Answer) -> RestAnswer:
        return encode_predictions(answer)
