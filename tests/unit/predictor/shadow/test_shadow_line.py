"""Whatever the other side does, an exchange ends in time, with an answer or a reason."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest

from tests.unit.predictor.shadow.batches import DIGEST, batch
from tests.unit.predictor.shadow.peer import Say, answer_body, peer, proper, response
from weld_predictor.shadow import line as line_module
from weld_predictor.shadow.line import Line
from weld_predictor.shadow.lines import LONGEST_REST, MOST_LINES, SHORTEST_REST, Lines
from weld_predictor.shadow.losses import Loss, LostError
from weld_predictor.shadow.order import Order

ORDER = Order(DIGEST, "2.0.0", 100, ())
BATCH = batch(2)
GOOD, LENGTH = answer_body([0.5, 0.25])
WHOLE = response(GOOD, inference_header_content_length=LENGTH)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_module, "ANSWER_SECONDS", 0.25)


def says(data: bytes, *, then_closes: bool = False) -> Say:
    def say(connection: socket.socket, _: bytes) -> None:
        connection.sendall(data)
        if then_closes:
            connection.shutdown(socket.SHUT_RDWR)

    return say


def drips(connection: socket.socket, _: bytes) -> None:
    """An answer that never ends, and never comes to anything."""
    with contextlib.suppress(OSError):
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n")
        while True:
            connection.sendall(b".")
            threading.Event().wait(0.02)


def floods(connection: socket.socket, _: bytes) -> None:
    with contextlib.suppress(OSError):
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.sendall(b"x-more: of this\r\n" * 1000)


def closes(connection: socket.socket, _: bytes) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def says_nothing(_: socket.socket, __: bytes) -> None:
    pass


def lost(say: Say, digest: str = DIGEST) -> LostError:
    with peer(digest, say) as other:
        line = Line(other.address, "north-line")
        with pytest.raises(LostError) as caught:
            line.ask(BATCH, ORDER)
        line.close()
        return caught.value


def test_answers_come_over_one_connection() -> None:
    with peer(DIGEST, proper([0.5, 0.25])) as other:
        line = Line(other.address, "north-line")
        for _ in range(3):
            heard = line.ask(BATCH, ORDER)
            assert heard.answer.risk.tolist() == [0.5, 0.25]
            assert heard.candidate.context == ("pressure",)
            assert 0 <= heard.seconds < 1
        assert other.connections == 1
        assert len(other.requests) == 3
        line.close()


@pytest.mark.parametrize(
    ("say", "loss", "text"),
    [
        (says_nothing, Loss.SLOW, "it did not answer within 0.25 s"),
        (drips, Loss.SLOW, "it did not answer within 0.25 s"),
        (closes, Loss.UNREACHABLE, "it closed the connection before it had answered"),
        (says(WHOLE[:-1], then_closes=True), Loss.UNREACHABLE, "it closed the connection"),
        (says(response(b"no", "500 Internal Server Error")), Loss.REFUSED, "it answered 500: no"),
        (says(response(b"full", "503 Service Unavailable")), Loss.REFUSED, "it answered 503: full"),
        (says(response(b"\xff" * 300, "400 Bad Request")), Loss.REFUSED, "it answered 400"),
        (says(b"SSH-2.0-garbage\r\n\r\n"), Loss.UNPAIRED, "its answer begins with 'SSH-2.0-garbage'"),
        (says(b"HTTP/1.1 two OK\r\n\r\n"), Loss.UNPAIRED, "its answer begins with 'HTTP/1.1 two OK'"),
        (says(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"), Loss.UNPAIRED, "a length of ''"),
        (says(response(b"", content_length=10**9)), Loss.UNPAIRED, "a length of '1000000000', expected at most"),
        (says(response(b"", content_length="-1")), Loss.UNPAIRED, "a length of '-1'"),
        (says(WHOLE + b"and more"), Loss.UNPAIRED, "it answered more than it was asked"),
        (floods, Loss.UNPAIRED, "its answer has a head of more than 16384 bytes"),
        (says(response(GOOD)), Loss.UNPAIRED, "its answer is none to 2 readings"),
        (proper([0.5]), Loss.UNPAIRED, "its answer is none to 2 readings"),
        (proper([0.5, float("nan")]), Loss.UNPAIRED, "values that no predictor gives"),
    ],
)
def test_what_goes_wrong_has_a_reason(say: Say, loss: Loss, text: str) -> None:
    error = lost(say)
    assert text in str(error)
    assert error.loss is loss


def test_another_bundle_s_answers_do_not_count() -> None:
    error = lost(proper([0.5, 0.25]), digest="c0" * 32)
    assert str(error) == f"it serves '{'c0' * 32}', not {DIGEST}"
    assert error.loss is Loss.UNREACHABLE


def test_where_nobody_listens_nobody_is_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()[:2]
    with pytest.raises(LostError) as caught:
        Line(address, "north-line").ask(BATCH, ORDER)
    assert caught.value.loss is Loss.UNREACHABLE


def test_a_connection_that_was_closed_while_idle_is_made_again() -> None:
    answers = proper([0.5, 0.25])

    def answers_once(connection: socket.socket, request: bytes) -> None:
        answers(connection, request)
        connection.shutdown(socket.SHUT_RDWR)

    with peer(DIGEST, answers_once) as other:
        line = Line(other.address, "north-line")
        for _ in range(3):
            line.ask(BATCH, ORDER)
        assert other.connections == 3
        line.close()


def test_who_takes_its_leave_is_let_go() -> None:
    with peer(DIGEST, says(WHOLE.replace(b"HTTP/1.1 200 OK", b"HTTP/1.1 200 OK\r\nconnection: close"))) as other:
        line = Line(other.address, "north-line")
        for _ in range(2):
            line.ask(BATCH, ORDER)
        assert other.connections == 2


def test_an_exchange_can_be_ended_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_module, "ANSWER_SECONDS", 60)
    heard = threading.Event()
    with peer(DIGEST, lambda *_: heard.set()) as other:
        line = Line(other.address, "north-line")
        errors: list[LostError] = []

        def ask() -> None:
            try:
                line.ask(BATCH, ORDER)
            except LostError as error:
                errors.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        assert heard.wait(30)
        line.abort()
        thread.join(30)
        assert [error.loss for error in errors] == [Loss.UNREACHABLE]


def addresses(count: int, first: int = 1) -> Order:
    return Order(DIGEST, "2.0.0", 100, tuple(("10.0.0.7", port) for port in range(first, first + count)))


def test_replicas_have_their_turns() -> None:
    lines = Lines("north-line")
    lines.follow(addresses(3))
    turns = [lines.next(0) for _ in range(6)]
    assert turns[:3] == turns[3:]
    assert len(set(turns)) == 3


def test_who_failed_rests_longer_each_time_until_it_answers() -> None:
    lines = Lines("north-line")
    lines.follow(addresses(1))
    now, rests = 0.0, []
    for _ in range(10):
        line = lines.next(now)
        assert line is not None
        lines.failed(line, Loss.SLOW, now)
        assert lines.next(now) is None
        assert lines.latest_failure is Loss.SLOW
        rest = next(
            rest for rest in (SHORTEST_REST * 2**power for power in range(20)) if lines.next(now + rest) or rest > 30
        )
        rests.append(min(rest, LONGEST_REST))
        now += rest
    assert rests[:4] == [0.5, 1, 2, 4]
    assert rests[-1] == LONGEST_REST
    line = lines.next(now)
    assert line is not None
    lines.worked(line)
    lines.failed(line, Loss.SLOW, now)
    assert lines.next(now + SHORTEST_REST) is line


def test_lines_follow_the_order() -> None:
    lines = Lines("north-line")
    assert lines.next(0) is None
    assert lines.latest_failure is Loss.UNREACHABLE
    lines.follow(addresses(2))
    kept = lines.next(0)
    assert kept is not None
    lines.follow(Order(DIGEST, "2.0.0", 100, (kept.address, ("10.0.0.9", 1))))
    assert {lines.next(0), lines.next(0)} >= {kept}
    lines.follow(Order("c0" * 32, "3.0.0", 100, (kept.address,)))
    assert lines.next(0) is not kept, "another bundle may be asked for at the same address"
    lines.follow(None)
    assert lines.next(0) is None
    lines.follow(addresses(1000))
    assert len({lines.next(0) for _ in range(1000)}) == MOST_LINES
