"""How fast a running predictor is: what a pass takes, for itself, for each request and for each reading.

Bursts of requests are sent to it, in several sizes; each burst ends when the last answer is there. Its own metrics tell
how many passes it made, so that the seconds of a burst are

    passes x seconds_per_pass + requests x seconds_per_request + readings x seconds_per_reading

which is solved by least squares of the relative errors. Of each size the faster half of the bursts counts: what else
the machine does makes some slower, and none faster. What it does to them is told by itself: single requests follow one
another for some seconds, and where answers come late, all stood still (`stalls_of`). By how much a single request after
a pause takes longer than that is what it takes to wake up.
"""

from __future__ import annotations

import platform
import re
import statistics
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np

from weld_api.card import Stalls, Throughput
from weld_bundle.loading import load
from weld_predictor.bursts import Burst, Measurement
from weld_predictor.cores import usable_cores
from weld_predictor.scoring.choice import choose_scorer
from weld_predictor.scoring.native import NAME as NATIVE

EQUALLY_LIKELY = 20
"""Factors, or durations, that stand for all that were measured."""
_MOST_STALLED = 0.95
"""Of the time, that is believed."""
_LATE = 2.0
"""Times the median, from which on an answer is late."""
_SCORED_AT_ONCE = 4096


def throughput(
    measurement: Measurement, bundle: Path, stalls: Stalls | None, max_readings: int, now: datetime
) -> Throughput:
    """What the bundle's card may say, once bursts were taken. Raises BundleError."""
    bursts, request_readings = measurement.bursts, measurement.request_readings
    per_pass, per_request, per_reading = solve(bursts)
    alone = per_pass + per_request + per_reading * request_readings
    requests = max(max_readings // request_readings, 1)
    rate = requests * request_readings / (per_pass + requests * (per_request + request_readings * per_reading))
    name, scoring = _scoring(bundle)
    full = [each for each in bursts if each.requests * each.readings >= 3000]
    cores = usable_cores()
    busy = sum(each.processor_seconds for each in full) / sum(each.seconds for each in full)
    busy = min(max(busy, 0.1), float(cores))
    usual = next(each for each in bursts if (each.requests, each.readings) == (64, request_readings))
    return Throughput(
        scorer="native" if name == NATIVE else "scikit-learn",
        cores=cores,
        busy_cores=_digits(busy),
        request_readings=request_readings,
        readings_per_second=_digits(rate),
        readings_per_second_per_core=_digits(rate / busy),
        seconds_per_pass=_digits(per_pass),
        seconds_per_request=_digits(per_request),
        seconds_per_reading=_digits(per_reading),
        seconds_on_way=_digits(max(measurement.seconds_after_pause - alone, 0.0)),
        quick_readings=measurement.quick_readings,
        scoring_seconds_per_reading=_digits(min(scoring, per_reading)),
        spread=_alike(usual.factors),
        stalls=stalls,
        memory_bytes=measurement.peak_bytes(),
        request_bytes_per_reading=_digits(measurement.bytes.request),
        answer_bytes_per_reading=_digits(measurement.bytes.answer),
        machine=_machine(),
        measured_at=now,
    )


def solve(bursts: Sequence[Burst]) -> tuple[float, float, float]:
    """Seconds for a pass, a request and a reading, none below 0, of which the burst's times are made up best.

    Least squares of the relative errors; what would be negative is 0, and the others are found again.
    """
    seconds = np.array([each.seconds for each in bursts])
    amounts = np.array([[each.passes, each.requests, each.requests * each.readings] for each in bursts], float)
    relative = amounts / seconds[:, None]
    used = [0, 1, 2]
    while True:
        found, *_ = np.linalg.lstsq(relative[:, used], np.ones(len(seconds)), rcond=None)
        if (found > 0).all() or len(used) == 1:
            break
        used.remove(used[int(np.argmin(found))])
    solved = [0.0, 0.0, 0.0]
    for place, value in zip(used, found, strict=True):
        solved[place] = float(value)
    return solved[0], solved[1], max(solved[2], 1e-9)


def stalls_of(latencies: Sequence[float]) -> Stalls | None:
    """Of requests that followed one another without a pause: what answers took above the median, if that is long.

    Answers that come late one after the other were held up by one stall.
    """
    middle = statistics.median(latencies)
    stalls: list[float] = []
    is_over = True
    for each in latencies:
        if each <= _LATE * middle:
            is_over = True
        elif is_over:
            stalls.append(each - middle)
            is_over = False
        else:
            stalls[-1] += each - middle
    if not stalls:
        return None
    seconds = _alike(stalls)
    share = min(sum(stalls) / sum(latencies), _MOST_STALLED)
    return Stalls(per_second=_digits(share / statistics.mean(seconds)), seconds=seconds)


def _alike(values: Sequence[float]) -> tuple[float, ...]:
    """Fewer that are equally likely, and spread as the values are."""
    places = (np.arange(EQUALLY_LIKELY) + 0.5) / EQUALLY_LIKELY
    return tuple(_digits(float(each)) for each in np.quantile(np.array(values), places))


def _scoring(bundle: Path) -> tuple[str, float]:
    """The scorer's name, and its seconds for a reading when many are scored at once."""
    loaded = load(bundle)
    scorer = choose_scorer(loaded.estimator, loaded.card, usable_cores())
    lowest = np.array([column.minimum for column in loaded.card.inputs])
    highest = np.array([column.maximum for column in loaded.card.inputs])
    source = np.random.default_rng(0)
    rows = source.uniform(lowest, highest, (_SCORED_AT_ONCE, len(lowest))).astype(np.float32)
    taken = []
    for _ in range(20):
        started = time.perf_counter()
        scorer.risk(rows)
        taken.append(time.perf_counter() - started)
    return scorer.name, statistics.median(taken) / _SCORED_AT_ONCE


def _machine() -> str:
    """The processor's name and the cores that may be used."""
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    name = found.group(1).strip() if found else platform.machine()
    return f"{name}, {usable_cores()} cores"


def _digits(value: float) -> float:
    """Four digits that count."""
    return float(f"{value:.4g}")
