"""Features of the waveforms of requests that wait at the same time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from tests.unit.predictor.ascans import ascans
from tests.unit.predictor.cards import weld_card
from weld_predictor.batching import QueueFullError
from weld_predictor.extraction import TOGETHER, Extract, FeatureThreads
from weld_predictor.intake.form import InputForm
from weld_predictor.intake.readings import Readings, with_features
from weld_simulator.features import FEATURES, extract

FORM = InputForm.of(weld_card(context=False))


def request(count: int, seed: int = 0) -> Readings:
    unknown = np.full((count, len(FEATURES)), np.nan, np.float32)
    return Readings(unknown, np.arange(count), np.arange(count), ascans(count, seed))


class Extraction:
    """Notes what is extracted together, and waits for leave to begin."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.may_begin = threading.Event()

    def __call__(self, requests: Sequence[Readings]) -> list[Readings]:
        self.may_begin.wait(10)
        self.sizes.append(sum(len(each) for each in requests))
        if any(each.ascans is not None and not each.ascans.any() for each in requests):
            raise ValueError("a waveform without a signal")
        return with_features(requests, FORM)


@contextmanager
def feature_threads(extraction: Extract, most: int = 10_000, threads: int = 1) -> Iterator[FeatureThreads]:
    thread = FeatureThreads(most, extraction, threads)
    try:
        yield thread
    finally:
        if isinstance(extraction, Extraction):
            extraction.may_begin.set()
        thread.close()


async def test_what_waits_at_the_same_time_is_extracted_together_and_is_as_if_alone() -> None:
    extraction = Extraction()
    requests = [request(size, size) for size in (1, 200, 250, 100, 3 * TOGETHER, 2)]
    with feature_threads(extraction) as thread:
        waiting = asyncio.gather(*(thread.features(each) for each in requests))
        await asyncio.sleep(0)
        assert thread.waiting == sum(len(each) for each in requests)
        extraction.may_begin.set()
        for given, found in zip(requests, await waiting, strict=True):
            assert given.ascans is not None
            assert found.ascans is None
            assert found.features.tobytes() == extract(given.ascans).tobytes()
            assert found.sensor_id is given.sensor_id
        assert thread.waiting == 0
    assert extraction.sizes == [451, 100, 3 * TOGETHER, 2]


async def test_a_request_that_fails_fails_alone() -> None:
    extraction = Extraction()
    extraction.may_begin.set()
    broken = replace(request(2), ascans=np.zeros((2, 512), np.int16))
    with feature_threads(extraction) as thread:
        before, error, after = await asyncio.gather(
            thread.features(request(3)), thread.features(broken), thread.features(request(4)), return_exceptions=True
        )
    assert isinstance(error, ValueError)
    assert isinstance(before, Readings)
    assert isinstance(after, Readings)
    assert [len(before), len(after)] == [3, 4]


async def test_more_than_may_wait_is_refused_at_once() -> None:
    extraction = Extraction()
    with feature_threads(extraction, most=5) as thread:
        first = asyncio.create_task(thread.features(request(3)))
        await asyncio.sleep(0)
        with pytest.raises(QueueFullError, match="3 waveforms wait already and 3 came, at most 5 may wait"):
            await thread.features(request(3))
        extraction.may_begin.set()
        await first
        assert len(await thread.features(request(5))) == 5


async def test_what_nobody_waits_for_is_not_extracted() -> None:
    extraction = Extraction()
    with feature_threads(extraction) as thread:
        under_way, given_up, last = (asyncio.create_task(thread.features(request(size))) for size in (1, 2, 3))
        await asyncio.sleep(0)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        extraction.may_begin.set()
        await asyncio.gather(under_way, last)
        assert thread.waiting == 0
    assert extraction.sizes == [4]


async def test_what_came_first_is_given_first_though_another_thread_was_faster() -> None:
    may_end = threading.Event()
    ended: list[int] = []

    def extract_slowly(requests: Sequence[Readings]) -> list[Readings]:
        if len(requests[0]) == TOGETHER:
            may_end.wait(10)
        else:
            loop.call_soon_threadsafe(may_end.set)
        return with_features(requests, FORM)

    async def ask(size: int) -> None:
        await threads.features(request(size))
        ended.append(size)

    loop = asyncio.get_running_loop()
    with feature_threads(extract_slowly, threads=2) as threads:
        await asyncio.gather(ask(TOGETHER), ask(7))
    assert ended == [TOGETHER, 7]
