"""`python -m tests.bench.intake`: what it costs to remember sensors, beside the scoring of the same readings.

For passes of 100 and of 10,000 readings, of 10,000 and of 1,000,000 sensors, every one of them new to its sensor: the
time of a reading in the memory, and as a share of the whole pass; and the memory that 1,000,000 sensors take.
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from tests.unit.predictor.cards import card
from weld_predictor.intake.arrays import ArrayMemory
from weld_predictor.intake.compiled import CompiledMemory, is_built
from weld_predictor.intake.flags import Bounds
from weld_predictor.intake.memory import SensorMemory
from weld_predictor.intake.policy import Policy, Sampling
from weld_predictor.intake.readings import Readings, delays
from weld_predictor.metrics import PredictorMetrics
from weld_predictor.passes import Assessor
from weld_predictor.scoring.native import NativeScorer
from weld_predictor.scoring.reference import ReferenceScorer

FEATURES = 24
SENSORS = (10_000, 1_000_000)
PASSES = (100, 10_000)
SECONDS = 0.5
"""Of each measurement."""
ROUNDS = 5
TICK_MS = 100

MEMORIES: dict[str, Callable[[Policy], SensorMemory]] = {"numpy": ArrayMemory}
if is_built():
    MEMORIES = {"compiled": CompiledMemory, **MEMORIES}
POLICIES = {
    "All": Policy(),
    # Nothing is ever carried, so that as many readings are scored as with All.
    "OnChange": Policy(sampling=Sampling.ON_CHANGE, dead_bands=tuple((column, 0.0) for column in range(8))),
}


@dataclass
class Stream:
    """Passes of `size` readings, of all sensors in turn, tick by tick."""

    sensors: NDArray[np.int64] | NDArray[np.bytes_]
    size: int
    features: NDArray[np.float32]

    def __iter__(self) -> Iterator[Readings]:
        tick = 0
        while True:
            tick += TICK_MS
            times = np.full(self.size, tick)
            for start in range(0, len(self.sensors), self.size):
                yield Readings(self.features, self.sensors[start : start + self.size], times)


def main() -> int:
    source = np.random.default_rng(0)
    with threadpool_limits(1):
        estimator = _estimator(source)
        scorer = NativeScorer(estimator) if is_built() else ReferenceScorer(estimator)
        heads = f"{'memory':9} {'sampling':9} {'sensors':>9} {'by':6}"
        print(f"{heads} {'pass':>6} {'ns/reading':>11} {'share of a pass':>16}")
        for size in PASSES:
            features = source.uniform(-1, 1, (size, FEATURES)).astype(np.float32)

            def risk(rows: NDArray[np.float32]) -> NDArray[np.float32]:
                return scorer.risk(rows).astype(np.float32)

            for name, make in MEMORIES.items():
                for sampling, policy in POLICIES.items():
                    for count in SENSORS:
                        for kind in ("number", "name"):
                            stream = Stream(_sensors(count, kind), size, features)
                            cost = _cost(make(policy), stream)
                            share = cost / (cost + _scoring(risk, stream))
                            print(
                                f"{name:9} {sampling:9} {count:9,} {kind:6} {size:6,} {cost:11.1f} {share:16.1%}",
                                flush=True,
                            )
        _print_memory()
    return 0


def _cost(memory: SensorMemory, stream: Stream) -> float:
    """Nanoseconds of one reading, without its scoring; the delays' histogram counts too."""
    metrics = _metrics()
    flags = np.zeros(stream.size, np.uint32)
    risk = np.zeros(stream.size, np.float32)
    passes = iter(stream)

    def one() -> None:
        readings = next(passes)
        memory.recall(readings, flags.copy(), readings.sampled_at[0] / 1000)
        memory.keep(risk)
        metrics.tally_delays(delays(readings, int(readings.sampled_at[0]) + 20))

    for _ in range(-(-len(stream.sensors) // stream.size)):
        one()
    return _median(one, stream.size)


def _scoring(risk: Callable[[NDArray[np.float32]], NDArray[np.float32]], stream: Stream) -> float:
    """Nanoseconds of one reading's flags, score and decision, without memory."""
    assessor = Assessor(Bounds.of(card(FEATURES), timedelta(1), timedelta(0)), 0.5, risk)
    readings = next(iter(stream))
    return _median(lambda: assessor.answer(readings, TICK_MS), stream.size)


def _median(one: Callable[[], object], size: int) -> float:
    """Nanoseconds of one reading, the median of rounds."""
    gc.collect()
    found = []
    for _ in range(ROUNDS):
        passes, started = 0, time.perf_counter()
        while time.perf_counter() - started < SECONDS / ROUNDS:
            one()
            passes += 1
        found.append((time.perf_counter() - started) / passes / size * 1e9)
    return statistics.median(found)


def _metrics() -> PredictorMetrics:
    from prometheus_client import CollectorRegistry

    return PredictorMetrics(CollectorRegistry(), model="bench", version="1.0.0", site="here")


def _sensors(count: int, kind: str) -> NDArray[np.int64] | NDArray[np.bytes_]:
    numbers = np.arange(count)
    return numbers if kind == "number" else np.char.add(b"weld-", numbers.astype("S7"))


def _estimator(source: np.random.Generator) -> HistGradientBoostingClassifier:
    rows = source.uniform(-1, 1, (20_000, FEATURES)).astype(np.float32)
    labels = (rows[:, 0] + rows[:, 1] * rows[:, 2] + source.normal(0, 0.3, len(rows)) > 0.3).astype(np.int64)
    return HistGradientBoostingClassifier(max_iter=100, early_stopping=False, random_state=0).fit(rows, labels)


def _print_memory() -> None:
    for name, make in MEMORIES.items():
        for sampling, policy in POLICIES.items():
            before = _resident()
            memory = make(policy)
            passes = iter(Stream(_sensors(1_000_000, "number"), 10_000, np.zeros((10_000, FEATURES), np.float32)))
            risk = np.zeros(10_000, np.float32)
            for _ in range(100):
                memory.recall(next(passes), np.zeros(10_000, np.uint32), 0.0)
                memory.keep(risk)
            assert memory.sensors == 1_000_000
            grown = (_resident() - before) / 1e6
            held = memory.bytes_at(1_000_000) / 1e6
            print(f"{name}, {sampling}: 1,000,000 sensors in {held:.0f} MB, RSS grew by {grown:.0f} MB")
            del memory


def _resident() -> int:
    """Bytes."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


if __name__ == "__main__":
    sys.exit(main())
