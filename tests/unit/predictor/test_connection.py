"""One connection: what comes in whatever pieces is answered in its order, and nobody can hold it for long."""

import asyncio
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.predictor.connections import INFER, LONGEST_BODY, Opened, request
from weld_predictor.answer import RestAnswer
from weld_predictor.batching import QueueFullError, TooLateError
from weld_predictor.front.connection import HEAD_SECONDS, LEAST_BYTES_PER_SECOND, MOST_UNDER_WAY
from weld_predictor.front.head import LONGEST
from weld_predictor.intake.fault import RequestError

ANSWER = RestAnswer(b"answer", None)


async def settle_all(opened: Opened) -> None:
    """Answer every call as KServe's application would, and let it answer too."""
    for _ in range(50):
        for call in opened.room.taken:
            call.settle(RestAnswer(echo(len(call.body)), None))
        await asyncio.sleep(0)


def echo(length: int) -> bytes:
    return f"{INFER} {length}".encode()


REQUESTS = (
    (request(b"one"), (200, echo(3))),
    (request(b"second", x_request_id="7"), (200, echo(6))),
    (request(b"z" * 3000), (200, echo(3000))),
    (request(b""), (200, echo(0))),
    (request(b"", path="/v2/health/live", method="GET"), (200, b"/v2/health/live 0")),
    (request(b"body", path="/v1/models/north-line:predict"), (200, b"/v1/models/north-line:predict 4")),
    (request(b"over" * 5000), (200, echo(20_000))),
    (
        f"POST {INFER} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n".encode(),
        (200, echo(5)),
    ),
)


@settings(deadline=None, max_examples=200)
@given(
    sent=st.lists(st.sampled_from(REQUESTS), min_size=1, max_size=8),
    cuts=st.lists(st.integers(0, 30_000), max_size=12),
    answered_between=st.booleans(),
)
def test_requests_in_any_segments_are_answered_one_by_one_in_their_order(
    sent: list[tuple[bytes, tuple[int, bytes]]], cuts: list[int], answered_between: bool
) -> None:
    async def scenario() -> Opened:
        opened = Opened()
        stream = b"".join(raw for raw, _ in sent)
        bounds = [0, *sorted(cut % len(stream) for cut in cuts), len(stream)]
        for start, stop in pairwise(bounds):
            if start < stop:
                opened.receive(stream[start:stop])
            if answered_between:
                await settle_all(opened)
        await settle_all(opened)
        return opened

    opened = asyncio.run(scenario())
    assert opened.answers() == [answer for _, answer in sent]
    assert not opened.transport.is_closed


async def test_what_is_plain_never_reaches_the_application() -> None:
    opened = Opened()
    opened.receive(request(b"one"), request(b"one"), request(b"other"))
    assert [call.body for call in opened.room.taken] == [b"one", b"one", b"other"]
    assert not opened.state.tasks


async def test_answers_wait_for_those_before_them() -> None:
    opened = Opened()
    opened.receive(request(b"one") + request(b"two"))
    first, second = opened.room.taken
    second.settle(RestAnswer(b"second", None))
    assert opened.transport.written == b""
    first.settle(RestAnswer(b"first", None))
    assert opened.answers() == [(200, b"first"), (200, b"second")]


@pytest.mark.parametrize(
    ("fault", "status"),
    [(RequestError("wrong"), 400), (QueueFullError("full"), 429), (TooLateError("late"), 504), (OSError("?"), 500)],
)
async def test_a_fault_is_answered_and_counted_and_the_connection_goes_on(fault: Exception, status: int) -> None:
    opened = Opened()
    opened.receive(request(b"one"))
    opened.room.taken[0].settle(fault)
    sentence = b"the predictor failed to answer; its log says why" if status == 500 else str(fault).encode()
    assert opened.answers() == [(status, b'{"error":"%b"}' % sentence)]
    assert opened.counted(status) == 1
    assert (b"retry-after: 1\r\n" in opened.transport.written) == (status == 429)
    opened.receive(request(b"two"))
    assert len(opened.room.taken) == 2


async def test_a_client_that_sends_ahead_is_read_no_further_than_so_many_requests() -> None:
    opened = Opened()
    opened.receive(request(b"one") * (MOST_UNDER_WAY + 5))
    assert len(opened.room.taken) == MOST_UNDER_WAY
    assert opened.transport.is_reading_paused
    opened.room.taken[0].settle(ANSWER)
    assert len(opened.room.taken) == MOST_UNDER_WAY + 1
    await settle_all(opened)
    assert len(opened.answers()) == MOST_UNDER_WAY + 5
    assert not opened.transport.is_reading_paused


async def test_a_client_that_does_not_read_its_answers_is_not_read() -> None:
    opened = Opened()
    opened.connection.pause_writing()
    assert opened.transport.is_reading_paused
    opened.receive(request(b"one"))
    assert not opened.room.taken
    opened.connection.resume_writing()
    assert not opened.transport.is_reading_paused
    assert len(opened.room.taken) == 1


async def test_a_client_that_goes_away_has_its_requests_withdrawn() -> None:
    opened = Opened()
    opened.receive(request(b"one") + request(b"two") + request(b"half")[:-2])
    opened.connection.connection_lost(None)
    assert opened.room.withdrawn == opened.room.taken
    assert opened.counted(499) == 3


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_head_without_end_is_refused(method: str) -> None:
    opened = Opened()
    opened.receive(f"{method} {INFER} HTTP/1.1\r\nx: ".encode(), *[b"x" * 10_000] * 8)
    [(status, body)] = opened.answers()
    assert (status, body) == (431, b'{"error":"the head of the request has more than 65536 bytes, expected fewer"}')
    assert opened.transport.is_closed
    assert LONGEST == 65_536


@pytest.mark.parametrize(
    "begun",
    [
        request(b"one")[:20],
        request(b"x" * LONGEST_BODY)[:200],
        request(b"", method="GET", path="/metrics")[:30],
        request(b"body", path="/v1/models/north-line:predict")[:-1],
    ],
)
async def test_a_request_that_does_not_come_whole_is_timed_out(begun: bytes) -> None:
    opened = Opened()
    opened.receive(begun)
    allowed = HEAD_SECONDS + len(begun) / LEAST_BYTES_PER_SECOND
    opened.connection.check(time.perf_counter() + allowed - 1)
    assert not opened.transport.is_closed
    opened.connection.check(time.perf_counter() + allowed + 1)
    assert [status for status, _ in opened.answers()] == [408]
    assert opened.transport.is_closed
    assert opened.counted(408) == 1


async def test_a_connection_that_rests_is_closed_after_a_while_and_none_that_waits_for_an_answer() -> None:
    opened = Opened()
    opened.connection.check(time.perf_counter() + 59)
    opened.receive(request(b"one"))
    opened.connection.check(time.perf_counter() + 1000)
    assert not opened.transport.is_closed
    opened.room.taken[0].settle(ANSWER)
    opened.connection.check(time.perf_counter() + 61)
    assert opened.transport.is_closed


async def test_once_interrupted_the_last_answer_closes_the_connection() -> None:
    opened = Opened()
    opened.receive(request(b"one") + request(b"two"))
    opened.life_cycle.interrupt()
    await settle_all(opened)
    assert [body for _, body in opened.answers()] == [echo(3), echo(3)]
    assert opened.transport.written.count(b"connection: close") == 1
    assert opened.transport.is_closed


async def test_a_shutdown_waits_for_what_has_begun() -> None:
    resting, waiting, half = Opened(), Opened(), Opened()
    waiting.receive(request(b"one"))
    half.receive(request(b"one")[:-1])
    for opened in (resting, waiting, half):
        opened.connection.shutdown()
    assert [opened.transport.is_closed for opened in (resting, waiting, half)] == [True, False, False]
    half.receive(request(b"one")[-1:])
    for opened in (waiting, half):
        await settle_all(opened)
        assert opened.answers() == [(200, echo(3))]
        assert b"connection: close" in opened.transport.written
        assert opened.transport.is_closed


async def test_a_client_that_wants_the_connection_closed_has_it_closed() -> None:
    opened = Opened()
    opened.receive(request(b"one", connection="close") + request(b"two"))
    await settle_all(opened)
    assert opened.answers() == [(200, echo(3))]
    assert opened.transport.is_closed


@pytest.mark.parametrize("cut", [None, 40, 150, 1000])
async def test_under_overload_what_is_like_the_request_before_is_refused_unread(cut: int | None) -> None:
    opened, raw = Opened(), request(b"z" * 2000)
    opened.receive(raw)
    [first] = opened.room.taken
    first.settle(ANSWER)
    opened.room.overload = QueueFullError("come again later")
    for _ in range(2):
        opened.receive(raw[:cut], *([raw[cut:]] if cut else []))
    refusal = 429, b'{"error":"come again later"}'
    assert opened.answers() == [(200, b"answer"), refusal, refusal]
    assert opened.counted(429) == 2
    opened.room.overload = None
    opened.receive(raw)
    assert [call.body for call in opened.room.taken] == [b"z" * 2000] * 2
    opened.room.taken[-1].settle(ANSWER)
    assert opened.answers()[-1] == (200, b"answer")
    assert set(opened.room.asked_for) == {7}


async def test_nothing_is_refused_unread_whose_readings_nobody_knows() -> None:
    opened = Opened()
    opened.room.overload = QueueFullError("come again later")
    opened.receive(request(b"first"))
    opened.room.taken[-1].settle(ANSWER)
    opened.receive(request(b"another", x_request_id="8"))
    assert len(opened.room.taken) == 2
    opened.receive(request(b"another", x_request_id="8"))
    assert len(opened.room.taken) == 3, "an answer before it is still to be sent"
