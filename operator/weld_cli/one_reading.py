"""Scores one reading by a predictor, as a client that knows nothing but the address and the model's name."""

from __future__ import annotations

import json
import math
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from weld_cli.failures import CommandError

ANSWER_SECONDS = 10.0
SENSOR = "weldserve-try"
_FILLING = 0.5
"""The value of every feature: a reading that exists nowhere; the answer counts, not what it says."""

_straight = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Predictors are reached without the proxy that the environment names for the world outside."""


@dataclass(frozen=True)
class ScoredReading:
    """What a predictor answered: version of the bundle, risk from 0 to 1, decision, flags, and milliseconds taken."""

    version: str
    risk: float
    decision: int
    flags: int
    milliseconds: float

    def __str__(self) -> str:
        judged = "at risk" if self.decision else "sound"
        flagged = f", flags {self.flags}" if self.flags else ""
        return (
            f"version {self.version} scores one reading: "
            f"risk {self.risk:.3f}, {judged}{flagged}, {self.milliseconds:.1f} ms"
        )


def score_one_reading(address: str, model: str, host: str | None = None) -> ScoredReading:
    """Ask the model at `address` (http://host:port) for its inputs, and score one reading.

    `host`: the Host header, where it is another than the address's. Raises CommandError with a sentence.
    """
    path = f"{address.rstrip('/')}/v2/models/{model}"
    metadata = _call(path, host)
    try:
        tensors = [_tensor(spec) for spec in metadata["inputs"]]
    except (KeyError, TypeError) as error:
        raise CommandError(f"{path} does not say which inputs the model has: {metadata}") from error
    started = time.perf_counter()
    answer = _call(f"{path}/infer", host, {"inputs": tensors})
    took = (time.perf_counter() - started) * 1000.0
    try:
        values = {output["name"]: output["data"][0] for output in answer["outputs"]}
        risk, decision, flags = float(values["risk"]), int(values["decision"]), int(values["flags"])
        scored = ScoredReading(str(answer["model_version"]), risk, decision, flags, took)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise CommandError(f"{path}/infer answers without risk, decision and flags: {answer}") from error
    if not 0.0 <= scored.risk <= 1.0:
        raise CommandError(f"{path}/infer answers with risk {scored.risk:g}, expected 0 to 1")
    return scored


def _tensor(spec: dict[str, Any]) -> dict[str, Any]:
    """One reading of an input as the metadata describes it."""
    shape = [1, *spec["shape"][1:]]
    value: object
    match spec["name"], spec["datatype"]:
        case "sensor_id", _:
            value = SENSOR
        case "sampled_at", _:
            value = time.time_ns() // 1_000_000
        case _, "FP32" | "FP64":
            value = _FILLING
        case _:
            value = 0
    datatype = "BYTES" if spec["name"] == "sensor_id" else spec["datatype"]
    return {"name": spec["name"], "datatype": datatype, "shape": shape, "data": [value] * math.prod(shape)}


def _call(url: str, host: str | None, body: object = None) -> dict[str, Any]:
    headers = {"content-type": "application/json", **({} if host is None else {"host": host})}
    content = None if body is None else json.dumps(body).encode()
    named = url if host is None else f"{url} (host {host})"
    try:
        request = urllib.request.Request(url, content, headers)
        with _straight.open(request, timeout=ANSWER_SECONDS) as response:
            answer = json.load(response)
    except urllib.error.HTTPError as error:
        detail = " ".join(error.read(500).decode(errors="replace").split())
        raise CommandError(f"{named} answers {error.code}: {detail or error.reason}") from error
    except urllib.error.URLError as error:
        raise CommandError(f"{named} cannot be reached: {error.reason}") from error
    except (OSError, HTTPException, ValueError) as error:
        raise CommandError(f"{named} does not answer as a predictor does: {error}") from error
    if not isinstance(answer, dict):
        raise CommandError(f"{named} does not answer as a predictor does: {answer!r}")
    return answer
