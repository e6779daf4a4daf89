"""The envelopes of requests - everything but the values - by protocol: read, checked, and remembered.

An envelope costs tens of microseconds to read and to check, and a client sends the same one with every binary request.
Those with an id differ each time and are not remembered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import TypeAlias

import numpy as np

from weld_predictor.answer import BinaryFrame, message_frame, requested_outputs, rest_frame
from weld_predictor.intake.form import InputForm
from weld_predictor.intake.instances import parse_instances
from weld_predictor.intake.layout import Layout
from weld_predictor.intake.message import parse_message, raw_places, read_message
from weld_predictor.intake.readings import Readings, decode_readings, take_tensors
from weld_predictor.intake.wire import RequestedOutput, WireRequest, parse_request

MOST_REMEMBERED = 1024
LONGEST_REMEMBERED = 4096
"""Bytes of one envelope."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """How a request is read and answered."""

    readings: int
    layout: Layout | None
    """None where the values are not all in binary."""
    outputs: tuple[RequestedOutput, ...]
    head: dict[str, str]
    """Model name, version and id of the response."""
    frame: BinaryFrame | None
    """None where the answer is not all in binary."""
    model: tuple[str, str]
    """Name and version that the request asks for, empty where its path says so."""


Opened: TypeAlias = tuple[Envelope, Readings | None]
"""An envelope, and the readings where no layout says where they are."""
MakeFrame = Callable[[tuple[RequestedOutput, ...], dict[str, str], int], BinaryFrame | None]
_OF_THE_PATH = ("", "")


class Envelopes:
    """Reads the envelopes of requests for one model."""

    def __init__(self, form: InputForm, most: int, head: dict[str, str]) -> None:
        """`most`: readings in one request; `head`: the model's name and version, for the answers."""
        self.form = form
        self._most = most
        self._head = head
        self._known: dict[bytes | tuple[bytes | int, ...], Opened] = {}

    def of_body(self, body: bytes, json_length: str | None) -> Opened:
        """Of the Open Inference Protocol over REST; `json_length` as of `parse_request`. Raises RequestError."""
        key = None
        if json_length is not None and json_length.isdecimal() and len(json_length) <= 4:
            key = body[: int(json_length)]
            known = self._known.get(key)
            if known is not None and known[0].layout is not None and known[0].layout.length == len(body):
                return known
        request = parse_request(body, json_length)
        places = _binary_places(request, len(body))
        return self._remembered(key, request, self._open(request, places, len(body), rest_frame))

    def of_message(self, serialized: bytes, check_model: Callable[[str, str], object]) -> Opened:
        """Of the protocol over gRPC. Raises RequestError, and what `check_model` raises for a name and a version."""
        places = raw_places(serialized)
        key = None
        if places:
            key = (serialized[: places[0].start], *[place.stop - place.start for place in places])
            known = self._known.get(key)
            if known is not None:
                check_model(*known[0].model)
                return known
        message = read_message(serialized)
        model = (message.model_name, message.model_version)
        check_model(*model)
        request = parse_message(message)
        by_name = {tensor.name: place for tensor, place in zip(request.inputs, places, strict=False)}
        return self._remembered(key, request, self._open(request, by_name, len(serialized), message_frame, model))

    def of_instances(self, body: bytes, arrived_at: int) -> Opened:
        """Of protocol V1; `arrived_at` in Unix milliseconds. Raises RequestError."""
        request = parse_instances(body, self.form, arrived_at)
        return self._open(request, {}, len(body), lambda *_: None)

    def _open(
        self,
        request: WireRequest,
        places: Mapping[str, slice],
        length: int,
        make_frame: MakeFrame,
        model: tuple[str, str] = _OF_THE_PATH,
    ) -> Opened:
        outputs = requested_outputs(request)
        tensors = take_tensors(request, self.form, self._most)
        layout = Layout.of(tensors, places, length, self.form, request.timed)
        readings = decode_readings(tensors, self.form) if layout is None else None
        if readings is not None and not request.timed:
            readings = replace(readings, untimed=np.ones(len(readings), np.bool_))
        count = next(iter(tensors.values())).shape[0]
        head = self._head if request.id is None else {**self._head, "id": request.id}
        return Envelope(count, layout, outputs, head, make_frame(outputs, head, count), model), readings

    def _remembered(self, key: bytes | tuple[bytes | int, ...] | None, request: WireRequest, opened: Opened) -> Opened:
        """`opened`; when too many are remembered, the oldest goes.

        What a predictor forwards has another number of readings each time, and would drive out what clients send.
        """
        if key is None or request.id is not None or opened[0].layout is None or not request.timed:
            return opened
        if len(key if isinstance(key, bytes) else bytes(key[0])) <= LONGEST_REMEMBERED:
            if len(self._known) >= MOST_REMEMBERED:
                del self._known[next(iter(self._known))]
            self._known[key] = opened
        return opened


def _binary_places(request: WireRequest, length: int) -> dict[str, slice]:
    """Where the binary tensors of a body of `length` bytes are: at its end, in the order of the inputs."""
    binary = [(tensor.name, len(tensor.values)) for tensor in request.inputs if isinstance(tensor.values, memoryview)]
    sizes = [size for _, size in binary]
    bounds = pairwise(accumulate(sizes, initial=length - sum(sizes)))
    return {name: slice(start, stop) for (name, _), (start, stop) in zip(binary, bounds, strict=True)}
