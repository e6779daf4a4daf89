"""Do features come out of the predictor's path as they went into training, bit for bit?

`python -m tests.integration.feature_equality --readings=1000000 --seed=1` simulates readings of a site, sends their
waveforms through the predictor's intake in requests of many sizes and forms, and compares with what training sees.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from numpy.typing import NDArray

from tests.unit.predictor.cards import weld_card
from tests.unit.predictor.requests import with_binary
from weld_predictor.intake.form import InputForm
from weld_predictor.intake.message import parse_message
from weld_predictor.intake.readings import take_readings, with_features
from weld_predictor.intake.wire import WireRequest, parse_request
from weld_simulator.observation import observe
from weld_simulator.readings import Readings, measure
from weld_simulator.site import Site

SENSORS = 10_000
SIZES = (1, 7, 100, 499, 500, 501, 2048, 10_000)
"""Readings in a request; some do not divide the blocks that training works on."""

Tensor = tuple[str, str, list[int], bytes]


def differences(seed: int, count: int) -> Iterator[tuple[int, int]]:
    """For each block that was simulated, how many readings it has and how many of them differ; until `count`."""
    form = InputForm.of(weld_card())
    site = Site("equality", seed, min(SENSORS, count))
    source = random.Random(seed)
    compared = tick = 0
    while compared < count:
        for readings in measure(site, tick):
            expected = observe(site, tick, readings)
            served = np.concatenate(list(_served(readings, form, source)))
            differing = (served.view(np.uint32) != expected.view(np.uint32)).any(axis=1)
            compared += len(expected)
            yield len(expected), int(np.count_nonzero(differing))
        tick += 1


def _served(readings: Readings, form: InputForm, source: random.Random) -> Iterator[NDArray[np.float32]]:
    start = 0
    while start < len(readings.ascans):
        part = slice(start, start + source.choice(SIZES))
        request = source.choice((_over_rest, _over_grpc))(_tensors(readings, part))
        [found] = with_features([take_readings(request, form, SENSORS)], form)
        yield found.features
        start = part.stop


def _tensors(readings: Readings, part: slice) -> list[Tensor]:
    values: dict[str, tuple[str, NDArray[Any]]] = {
        "ascans": ("INT16", readings.ascans[part]),
        "pressure": ("FP32", readings.pressure[part].astype(np.float32)),
        "temperature": ("FP32", readings.temperature[part].astype(np.float32)),
        "sensor_id": ("INT64", readings.sensor[part].astype(np.int64)),
        "sampled_at": ("INT64", np.zeros(len(readings.sensor[part]), np.int64)),
    }
    return [(name, datatype, list(array.shape), array.tobytes()) for name, (datatype, array) in values.items()]


def _over_rest(tensors: list[Tensor]) -> WireRequest:
    return parse_request(*with_binary(tensors))


def _over_grpc(tensors: list[Tensor]) -> WireRequest:
    message = pb.ModelInferRequest()
    for name, datatype, shape, raw in tensors:
        message.inputs.add(name=name, datatype=datatype, shape=shape)
        message.raw_input_contents.append(raw)
    return parse_message(pb.ModelInferRequest.FromString(message.SerializeToString()))


def _compare(seed: int, count: int) -> int:
    compared = differing = 0
    for readings, different in differences(seed, count):
        compared, differing = compared + readings, differing + different
    print(f"{compared} readings compared, {differing} differ")
    return differing


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Compare the features of serving and training.")
    parser.add_argument("--readings", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    raise SystemExit(1 if _compare(arguments.seed, arguments.readings) else 0)
