"""What scikit-learn does where nothing is served: the limit that a server is held to.

`python -m tests.bench.in_process` is a process of its own, told on its standard input what to score for how long.
"""

from __future__ import annotations

import asyncio
import pickle
import resource
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from tests.bench.effort import Effort
from tests.bench.wire import Tensors
from tests.bench.workloads import Record, Workload
from tests.integration.predictor_process import PackedBundle
from weld_simulator.features import extract

NAME = "in-process scikit-learn"
THREADS = (1, 2)
"""Whichever is faster is the limit."""


async def in_process(workload: Workload, bundle: PackedBundle, tensors: Tensors, effort: Effort) -> Record:
    """Score the same readings again and again, waveforms with their features, by as many threads as is best."""
    records = [await _measured(workload, bundle, tensors, effort, threads) for threads in THREADS]
    return max(records, key=lambda record: record.median("readings_per_s"))


async def _measured(workload: Workload, bundle: PackedBundle, tensors: Tensors, effort: Effort, threads: int) -> Record:
    told = pickle.dumps((bundle.estimator, tensors, effort.seconds / 2, effort.rounds, threads))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.in_process", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    found, _ = await process.communicate(told)
    rounds, resident = pickle.loads(found)
    return Record(workload.name, NAME, rounds, resident)


def main() -> None:
    """Print the rounds and the peak of memory in MiB, pickled."""
    estimator, tensors, seconds, rounds, threads = pickle.load(sys.stdin.buffer)
    with threadpool_limits(threads):
        found = [_round(lambda: _risk(estimator, tensors), _size(tensors), seconds) for _ in range(rounds + 1)]
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.buffer.write(pickle.dumps((found[1:], resident)))


def _size(tensors: Tensors) -> int:
    return len(next(iter(tensors.values())))


def _risk(estimator: Any, tensors: Tensors) -> NDArray[np.float64]:
    if "ascans" in tensors:
        context = np.stack([tensors["pressure"], tensors["temperature"]], axis=1)
        rows = np.hstack([extract(tensors["ascans"]), context])
    else:
        rows = tensors["features"]
    risk: NDArray[np.float64] = estimator.predict_proba(rows)[:, 1]
    return risk


def _round(once: Callable[[], object], size: int, seconds: float) -> dict[str, float]:
    taken: list[float] = []
    started = time.perf_counter()
    while time.perf_counter() - started < seconds:
        before = time.perf_counter()
        once()
        taken.append(time.perf_counter() - before)
    p50, p99, p999 = np.quantile(taken, (0.5, 0.99, 0.999)) * 1000
    rate = 1 / statistics.mean(taken)
    return {
        "readings_per_s": round(rate * size, 1),
        "requests_per_s": round(rate, 1),
        "p50_ms": float(p50),
        "p99_ms": float(p99),
        "p999_ms": float(p999),
    }


if __name__ == "__main__":
    main()
