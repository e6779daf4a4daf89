"""How fast readings are simulated, and in how much memory: `python -m tests.bench.simulator [COUNT]`.

Prints, per 100,000 readings, the seconds of one core for A-scans and for features, and the resident memory. Features
are computed per chunk and again over chunks put together: both must agree to the bit.
"""

from __future__ import annotations

import hashlib
import sys
import time
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from weld_simulator.digitiser import Int16
from weld_simulator.features import extract
from weld_simulator.readings import measure
from weld_simulator.site import Site

_STEP = 100_000
_TOGETHER = 7
"""Chunks in a batch: no divisor of anything else here."""


def resident_mebibytes() -> float:
    """Of this process; Linux only."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def main(count: int) -> None:
    """Simulate `count` readings of one site, tick after tick. Raises SystemExit when features depend on batches."""
    site = Site("bench", seed=1)
    alone, together = hashlib.sha256(), hashlib.sha256()
    waiting: list[Int16] = []
    simulating = extracting = 0.0
    done = tick = 0
    while done < count:
        before = time.process_time()
        for chunk in measure(site, tick):
            simulating += time.process_time() - before
            before = time.process_time()
            features = extract(chunk.ascans)
            extracting += time.process_time() - before
            alone.update(features.tobytes())
            waiting.append(chunk.ascans)
            if len(waiting) == _TOGETHER:
                together.update(extract(np.concatenate(waiting)).tobytes())
                waiting.clear()
            done += len(features)
            if done % _STEP == 0:
                print(
                    f"{done:>9} readings: {simulating / done * 1e4:.2f} s to simulate 10,000 and "
                    f"{extracting / done * 1e4:.2f} s for their features; {resident_mebibytes():.0f} MiB",
                    flush=True,
                )
            before = time.process_time()
        tick += 1
    if waiting:
        together.update(extract(np.concatenate(waiting)).tobytes())
    if alone.digest() != together.digest():
        raise SystemExit("features depend on the batch")
    print(f"features sha256 {alone.hexdigest()}, however they are batched")


if __name__ == "__main__":
    with threadpool_limits(1):
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
