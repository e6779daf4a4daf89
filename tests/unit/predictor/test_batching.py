"""Requests are scored together, and none can tell: time is virtual, so every delay is exact."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.predictor.virtual_time import now, run
from weld_predictor.batching import (
    QUICK_SECONDS,
    Client,
    Done,
    MicroBatcher,
    Part,
    QueueFullError,
    Request,
    TooLateError,
)
from weld_predictor.pace import Lateness

PASS = 0.010
"""Seconds that a pass takes."""


class BadReadingError(Exception):
    pass


class Asked(Request):
    """A request for the double of its values."""

    def __init__(self, values: list[float], client: Client, due: float) -> None:
        super().__init__(client, now(), due)
        self.values = values
        self.readings_count = len(values)
        self.answer: asyncio.Future[list[float]] = asyncio.get_running_loop().create_future()
        self.doubled: list[float] = []

    def fail(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)

    def score(self, values: list[float]) -> None:
        self.doubled += [value * 2 for value in values]
        if len(self.doubled) == len(self.values) and not self.answer.done():
            self.answer.set_result(self.doubled)


@dataclass
class Estimator:
    """Doubles values, each pass in the same time; fails where they are negative."""

    seconds: float = PASS
    passes: list[list[float]] = field(default_factory=list)
    quick: list[bool] = field(default_factory=list)

    def perform(self, parts: list[Part], quick: bool, done: Done) -> None:
        self.passes.append([value for part in parts for value in values_of(part)])
        self.quick.append(quick)
        failed = [part.request for part in parts if min(values_of(part)) < 0]
        if quick:
            done(failed, partial(deliver, parts))
        else:
            asyncio.get_running_loop().call_later(self.seconds, done, failed, partial(deliver, parts))


def deliver(parts: list[Part]) -> None:
    for part in parts:
        values = values_of(part)
        if min(values) < 0:
            part.request.fail(BadReadingError(f"{min(values)}"))
        else:
            asked(part).score(values)


def asked(part: Part) -> Asked:
    assert isinstance(part.request, Asked)
    return part.request


def values_of(part: Part) -> list[float]:
    return asked(part).values[part.start : part.stop]


@dataclass
class Bench:
    estimator: Estimator
    batcher: MicroBatcher

    async def ask(
        self, *values: float, after: float = 0, client: Client | None = None, within: float = math.inf
    ) -> tuple[list[float], float]:
        """The answers for `values`, asked at the time `after`, and the time they came."""
        if after:
            await asyncio.sleep(after - now())
        request = Asked(list(values), client or Client(), now() + within)
        self.batcher.submit(request)
        try:
            answer = await request.answer
        except asyncio.CancelledError:
            self.batcher.withdraw(request)
            raise
        return answer, round(now(), 6)


def bench(
    *,
    max_readings: int = 100,
    max_delay: float = 0.002,
    queue_readings: int = 1000,
    seconds: float = PASS,
    quick_seconds: float = QUICK_SECONDS,
) -> Bench:
    estimator = Estimator(seconds)
    batcher = MicroBatcher(
        estimator.perform,
        max_readings=max_readings,
        max_delay=max_delay,
        queue_readings=queue_readings,
        quick_seconds=quick_seconds,
        clock=now,
    )
    return Bench(estimator, batcher)


async def together(*asked: Coroutine[Any, Any, tuple[list[float], float]]) -> list[tuple[list[float], float]]:
    return list(await asyncio.gather(*asked))


def at_time(scenario: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    """Run an asynchronous test in virtual time."""

    def test() -> None:
        async def body() -> None:
            await scenario()

        run(body())

    test.__name__, test.__doc__ = scenario.__name__, scenario.__doc__
    return test


@at_time
async def test_a_request_that_finds_nothing_under_way_is_scored_at_once() -> None:
    assert await bench(max_delay=1).ask(1, 2, 3) == ([2, 4, 6], PASS)


@at_time
async def test_requests_that_come_at_once_are_scored_in_one_pass() -> None:
    given = bench()
    answers = await together(given.ask(1), given.ask(2, 3), given.ask(4))
    assert answers == [([2], PASS), ([4, 6], PASS), ([8], PASS)]
    assert given.estimator.passes == [[1, 2, 3, 4]]


@at_time
async def test_requests_that_come_during_a_pass_share_the_next() -> None:
    given = bench(max_delay=0)
    answers = await together(given.ask(1), given.ask(2, after=0.003), given.ask(3, after=0.006))
    assert answers == [([2], PASS), ([4], 2 * PASS), ([6], 2 * PASS)]
    assert given.estimator.passes == [[1], [2, 3]]


@at_time
async def test_under_load_the_oldest_request_waits_for_company_no_longer_than_allowed() -> None:
    given = bench(max_delay=0.005)
    answers = await together(given.ask(1), given.ask(2, after=0.008), given.ask(3, after=0.012))
    assert answers == [([2], PASS), ([4], 0.013 + PASS), ([6], 0.013 + PASS)]
    assert given.estimator.passes == [[1], [2, 3]]


@at_time
async def test_a_full_pass_does_not_wait_for_company() -> None:
    given = bench(max_delay=1, max_readings=2)
    answers = await together(given.ask(1), given.ask(2, after=0.008), given.ask(3, after=0.012))
    assert [time for _, time in answers] == [PASS, 0.012 + PASS, 0.012 + PASS]


@at_time
async def test_a_pass_takes_no_more_than_allowed_and_in_the_order_of_coming() -> None:
    given = bench(max_readings=4, max_delay=0)
    await asyncio.gather(given.ask(1, 2, 3), given.ask(4, 5), given.ask(6), given.ask(7, 8, 9, 10))
    assert given.estimator.passes == [[1, 2, 3], [4, 5, 6], [7, 8, 9, 10]]


@at_time
async def test_a_large_request_lets_small_ones_between_its_parts() -> None:
    given = bench(max_readings=4, max_delay=0)
    answers = await together(given.ask(*range(10)), given.ask(50), given.ask(60))
    assert given.estimator.passes == [[0, 1, 2, 3], [50, 60], [4, 5, 6, 7], [8, 9]]
    assert answers[0][0] == [2 * value for value in range(10)]


@at_time
async def test_what_does_not_fit_the_queue_is_refused_at_once_and_harms_nobody() -> None:
    given = bench(queue_readings=5)
    first = asyncio.create_task(given.ask(1))
    await asyncio.sleep(0.001)
    waiting = asyncio.create_task(given.ask(2, 3, 4))
    await asyncio.sleep(0.001)
    assert given.batcher.waiting == 3
    with pytest.raises(QueueFullError, match="3 readings wait already and 3 came, at most 5 may wait"):
        await given.ask(5, 6, 7)
    assert now() == pytest.approx(0.002)
    assert (await first)[0] == [2]
    assert (await waiting)[0] == [4, 6, 8]
    assert (await given.ask(8))[0] == [16]


@at_time
async def test_a_queue_holds_as_many_readings_as_it_should() -> None:
    given = bench(queue_readings=5)
    first = asyncio.create_task(given.ask(1))
    await asyncio.sleep(0.001)
    assert (await given.ask(2, 3, 4, 5, 6))[0] == [4, 6, 8, 10, 12]
    assert (await first)[0] == [2]


@at_time
async def test_a_failing_request_fails_alone() -> None:
    given = bench()
    results = await asyncio.gather(given.ask(1), given.ask(-2), given.ask(3), return_exceptions=True)
    assert [result[0] for result in results if not isinstance(result, BaseException)] == [[2], [6]]
    assert isinstance(results[1], BadReadingError)
    assert (await given.ask(4))[0] == [8]


@at_time
async def test_a_large_request_that_fails_in_its_first_part_leaves_the_queue() -> None:
    given = bench(max_readings=2)
    with pytest.raises(BadReadingError):
        await given.ask(-1, 2, 3, 4, 5, 6)
    assert given.batcher.waiting == 0
    assert (await given.ask(7))[0] == [14]
    assert given.estimator.passes == [[-1, 2], [7]]


@at_time
async def test_a_cancelled_request_leaves_the_queue_and_harms_nobody() -> None:
    given = bench()
    first = asyncio.create_task(given.ask(1))
    await asyncio.sleep(0.001)
    cancelled, other = asyncio.create_task(given.ask(2, 3)), asyncio.create_task(given.ask(4))
    await asyncio.sleep(0.001)
    cancelled.cancel()
    await asyncio.wait({cancelled})
    assert given.batcher.waiting == 1
    assert [(await first)[0], (await other)[0]] == [[2], [8]]
    assert given.estimator.passes == [[1], [4]]


@at_time
async def test_a_request_that_is_cancelled_while_it_is_scored_harms_nobody() -> None:
    given = bench()
    cancelled, other = asyncio.create_task(given.ask(1)), asyncio.create_task(given.ask(2))
    await asyncio.sleep(0.001)
    cancelled.cancel()
    assert await other == ([4], PASS)
    assert (await given.ask(3))[0] == [6]


@at_time
async def test_clients_take_turns_request_by_request() -> None:
    given = bench(max_readings=2, max_delay=0)
    one, other = Client(), Client()
    await asyncio.gather(
        *(given.ask(value, client=one) for value in (1, 2, 3, 4)), given.ask(50, client=other), given.ask(60)
    )
    assert given.estimator.passes == [[1, 50], [60, 2], [3, 4]]


@at_time
async def test_a_request_that_would_be_answered_too_late_is_refused_at_once() -> None:
    given = bench(max_delay=0)
    await given.ask(1)
    with pytest.raises(TooLateError, match="5 ms are left of the request's time, but an answer takes 10 ms or more"):
        await given.ask(2, within=0.005)
    assert now() == pytest.approx(PASS)
    assert (await given.ask(3, within=0.011))[0] == [6]
    assert given.estimator.passes == [[1], [3]]


@at_time
async def test_the_pass_under_way_counts_for_a_deadline() -> None:
    given = bench(max_delay=0)
    await given.ask(1)
    under_way = asyncio.create_task(given.ask(2))
    await asyncio.sleep(0.002)
    with pytest.raises(TooLateError):
        await given.ask(3, within=0.017)
    assert (await given.ask(4, within=0.019))[0] == [8]
    assert (await under_way)[0] == [4]


@at_time
async def test_a_request_whose_deadline_passes_in_the_queue_is_not_scored() -> None:
    given = bench(max_delay=0)
    await given.ask(1)
    under_way = asyncio.create_task(given.ask(2))
    await asyncio.sleep(0.001)
    given.estimator.seconds = 0.1
    slow = asyncio.create_task(given.ask(3))
    await asyncio.sleep(PASS)
    with pytest.raises(TooLateError):
        await given.ask(4, within=0.03)
    assert given.batcher.waiting == 0
    assert [(await under_way)[0], (await slow)[0]] == [[4], [6]]
    assert given.estimator.passes == [[1], [2], [3]]


@at_time
async def test_after_a_rest_a_deadline_is_given_a_try() -> None:
    given = bench(max_delay=0)
    given.batcher.rehearse(1, 10.0)
    assert (await given.ask(1, within=0.02, after=1))[0] == [2]
    with pytest.raises(TooLateError):
        await given.ask(2, within=0.02)


@at_time
async def test_what_was_rehearsed_is_known() -> None:
    given = bench(seconds=0.0001)
    given.batcher.rehearse(1, 0.0001)
    given.batcher.rehearse(100, 0.1)
    await together(given.ask(1), given.ask(2, after=0.01))
    await given.ask(*range(100), after=0.02)
    assert given.estimator.quick == [True, True, False]


@at_time
async def test_in_a_long_turn_of_the_loop_a_pass_starts_within_it() -> None:
    given = bench()
    requests = [Asked([value], Client(), math.inf) for value in (1.0, 2.0, 3.0)]
    requests[0].came -= 0.001 + given.batcher.LONG_TURN_SECONDS
    for request in requests:
        given.batcher.submit(request)
    assert given.estimator.passes == [[1, 2]]
    assert [await request.answer for request in requests] == [[2], [4], [6]]


@at_time
async def test_passes_that_are_quick_are_made_without_a_thread() -> None:
    given = bench(seconds=0.0001)
    for value in range(3):
        assert (await given.ask(value))[0] == [2 * value]
    assert given.estimator.quick == [False, True, True]


@at_time
async def test_how_quick_a_pass_must_be_to_do_without_a_thread_is_for_who_makes_the_batcher() -> None:
    given = bench(seconds=0.004, quick_seconds=0.005)
    for value in range(2):
        assert (await given.ask(value))[0] == [2 * value]
    assert given.estimator.quick == [False, True]


@at_time
async def test_the_largest_quick_pass_is_told_as_far_as_passes_were_made() -> None:
    given = bench(max_readings=100, quick_seconds=0.0005)
    assert given.batcher.quick_readings == 0
    given.batcher.rehearse(1, 0.00002)
    given.batcher.rehearse(50, 0.001)
    assert given.batcher.quick_readings == 25
    given = bench(max_readings=100, quick_seconds=1)
    given.batcher.rehearse(1, 0.00002)
    assert given.batcher.quick_readings == 100


@dataclass(frozen=True)
class Sent:
    """A client's request: when it comes, its values, and when its client gives up, if it does."""

    at: float
    values: list[float]
    patience: float | None


milliseconds = st.integers(0, 60).map(lambda number: number / 1000)
values = st.lists(st.integers(-1, 50).map(float), min_size=1, max_size=12)
sent_requests = st.lists(st.builds(Sent, milliseconds, values, st.none() | milliseconds), min_size=1, max_size=12)


async def fate(given: Bench, request: Sent) -> list[float] | str:
    await asyncio.sleep(request.at)
    try:
        async with asyncio.timeout(request.patience):
            return (await given.ask(*request.values))[0]
    except TimeoutError:
        return "gave up"
    except BadReadingError:
        return "failed"
    except QueueFullError:
        return "refused"


@settings(deadline=None, max_examples=60)
@given(
    sent=sent_requests,
    max_readings=st.integers(1, 20),
    max_delay=st.sampled_from([0.0, 0.002, 0.015]),
    queue_readings=st.integers(20, 60),
)
def test_whatever_the_batching_every_request_has_the_answer_that_it_would_have_alone(
    sent: list[Sent], max_readings: int, max_delay: float, queue_readings: int
) -> None:
    given = bench(max_readings=max_readings, max_delay=max_delay, queue_readings=queue_readings)

    async def scenario() -> list[list[float] | str]:
        return await asyncio.gather(*(fate(given, request) for request in sent))

    for request, outcome in zip(sent, run(scenario()), strict=True):
        if outcome == "gave up":
            assert request.patience is not None
        elif outcome == "refused":
            assert sum(len(other.values) for other in sent) > queue_readings
        elif outcome == "failed":
            assert min(request.values) < 0
        else:
            assert outcome == [2 * value for value in request.values]
    assert given.batcher.waiting == 0
    assert all(len(scored) <= max_readings for scored in given.estimator.passes)


@settings(deadline=None, max_examples=60)
@given(sent=sent_requests, max_readings=st.integers(1, 20), max_delay=st.sampled_from([0.0, 0.002, 0.015]))
def test_the_scorer_never_rests_longer_than_the_delay_while_a_request_waits(
    sent: list[Sent], max_readings: int, max_delay: float
) -> None:
    given = bench(max_readings=max_readings, max_delay=max_delay)

    async def scenario() -> float:
        await asyncio.gather(*(fate(given, request) for request in sent))
        return now()

    ended = run(scenario())
    last_sent = max(request.at for request in sent)
    assert ended <= last_sent + len(given.estimator.passes) * (PASS + max_delay) + 1e-6


def test_answers_that_were_later_than_reckoned_are_reckoned_with() -> None:
    lateness = Lateness()
    assert lateness.most == 0
    for _ in range(50):
        lateness.learn(0.020)
    assert lateness.most == pytest.approx(0.020, rel=0.1)
    for _ in range(100):
        lateness.learn(-0.005)
    assert lateness.most == 0


@at_time
async def test_whoever_is_refused_for_the_same_reason_is_told_the_same() -> None:
    it = bench(queue_readings=5)
    asking = asyncio.create_task(it.ask(1, 2, 3, 4, 5))
    await asyncio.sleep(0)
    first, second = (it.batcher.refusal(1, math.inf) for _ in range(2))
    assert isinstance(first, QueueFullError)
    assert first is second
    assert str(first) == "5 readings wait already and 1 came, at most 5 may wait; come again later"
    assert "and 2 came" in str(it.batcher.refusal(2, math.inf))
    await asking
    assert it.batcher.refusal(5, math.inf) is None
