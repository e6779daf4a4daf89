"""What a gateway of many sensors does: one request for each tick, in binary, and a retry that does no harm.

A reading is known by its sensor and the time at which it was sampled. Both are set once, when it is sampled, and sent
again unchanged: so a request whose answer was lost may be repeated, and nothing is counted twice. What is repeated:
requests that never arrived, 429 and 503 (as late as Retry-After says), 502 and 504. Never 400 or 413: the same request
would fail again. After the deadline nobody waits for the answer any more, and the next tick is worth more.

python gateway.py http://north-line.plant-a.example north-line
"""

from __future__ import annotations

import json
import random
import sys
import time
from dataclasses import dataclass

import httpx
import numpy as np
from numpy.typing import NDArray

REPEATED = {429, 502, 503, 504}
FIRST_PAUSE = 0.02
"""Seconds; doubled each time, and drawn at random so that gateways do not come back all at once."""


@dataclass(frozen=True)
class Tick:
    """Readings sampled together."""

    features: NDArray[np.float32]
    """[N, F]"""
    sensor_id: NDArray[np.int64]
    """[N]"""
    sampled_at: NDArray[np.int64]
    """[N], Unix time in milliseconds."""

    def request(self) -> tuple[bytes, dict[str, str]]:
        """Body and headers: JSON says what the tensors are, and their bytes follow it."""
        tensors = (
            ("features", "FP32", self.features),
            ("sensor_id", "INT64", self.sensor_id),
            ("sampled_at", "INT64", self.sampled_at),
        )
        inputs = [
            {
                "name": name,
                "datatype": datatype,
                "shape": values.shape,
                "parameters": {"binary_data_size": values.nbytes},
            }
            for name, datatype, values in tensors
        ]
        head = json.dumps({"inputs": inputs, "outputs": [{"name": "decision"}, {"name": "flags"}]}).encode()
        body = head + b"".join(values.tobytes() for _, _, values in tensors)
        return body, {"Inference-Header-Content-Length": str(len(head))}


def score(client: httpx.Client, model: str, tick: Tick, deadline: float) -> dict[str, list[int]] | None:
    """Decision and flags of each reading; None if there was no answer within `deadline` seconds."""
    body, headers = tick.request()
    until, pause = time.monotonic() + deadline, FIRST_PAUSE
    while (left := until - time.monotonic()) > 0:
        wait = random.uniform(0, pause)
        try:
            response = client.post(f"/v2/models/{model}/infer", content=body, headers=headers, timeout=left)
        except httpx.TransportError:
            pass
        else:
            if response.is_success:
                return {output["name"]: output["data"] for output in response.json()["outputs"]}
            if response.status_code not in REPEATED:
                raise ValueError(response.text)
            wait += float(response.headers.get("retry-after", 0))
        time.sleep(max(0, min(wait, until - time.monotonic())))
        pause *= 2
    return None


def main(address: str, model: str) -> None:
    with httpx.Client(base_url=address) as client:
        width = client.get(f"/v2/models/{model}").raise_for_status().json()["inputs"][0]["shape"][1]
        sensors = np.arange(100, dtype=np.int64)
        sampled_at = np.full(len(sensors), time.time_ns() // 1_000_000)
        tick = Tick(np.full((len(sensors), width), 0.5, np.float32), sensors, sampled_at)
        answer = score(client, model, tick, deadline=5)
        if answer is None:
            sys.exit("no answer in time: these readings are lost, the next tick goes on")
        at_risk, flagged = np.count_nonzero(answer["decision"]), np.count_nonzero(answer["flags"])
        print(f"{len(sensors)} readings scored, {at_risk} at risk, {flagged} flagged")


if __name__ == "__main__":
    main(*sys.argv[1:])
