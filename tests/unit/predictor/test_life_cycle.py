"""Readiness turns false at once, and the doors close later; time is virtual."""

import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send

from tests.unit.predictor.virtual_time import now, run
from weld_predictor.life_cycle import CloseConnectionsOnLeave, LifeCycle, Phase


def test_a_predictor_is_ready_when_it_can_score_and_until_it_is_interrupted() -> None:
    async def scenario() -> None:
        life_cycle = LifeCycle(drain=5)
        assert (life_cycle.is_ready, life_cycle.takes_requests) == (False, False)
        life_cycle.serve()
        assert (life_cycle.is_ready, life_cycle.takes_requests) == (True, True)
        life_cycle.interrupt()
        assert (life_cycle.is_ready, life_cycle.takes_requests) == (False, True)
        await life_cycle.until_drained()
        assert (life_cycle.is_ready, life_cycle.takes_requests) == (False, True)

    run(scenario())


@pytest.mark.parametrize(("interruptions", "seconds"), [([2.0], 7.0), ([2.0, 3.0], 3.0), ([2.0, 3.0, 3.5], 3.0)])
def test_an_interruption_drains_and_a_second_one_hastens(interruptions: list[float], seconds: float) -> None:
    async def scenario() -> float:
        life_cycle = LifeCycle(drain=5)
        life_cycle.serve()
        for at in interruptions:
            asyncio.get_running_loop().call_at(at, life_cycle.interrupt)
        await life_cycle.until_drained()
        assert life_cycle.phase is Phase.CLOSING
        return now()

    assert run(scenario()) == seconds


def test_a_predictor_that_is_interrupted_before_it_is_ready_never_becomes_ready_and_does_not_drain() -> None:
    async def scenario() -> float:
        life_cycle = LifeCycle(drain=5)
        life_cycle.interrupt()
        life_cycle.serve()
        assert (life_cycle.is_ready, life_cycle.takes_requests) == (False, False)
        await life_cycle.until_drained()
        return now()

    assert run(scenario()) == 0


def test_a_predictor_whose_server_has_ended_does_not_drain() -> None:
    async def scenario() -> float:
        life_cycle = LifeCycle(drain=5)
        life_cycle.serve()
        life_cycle.end()
        await life_cycle.until_drained()
        return now()

    assert run(scenario()) == 0


@pytest.mark.parametrize("interrupted", [False, True])
def test_responses_close_their_connections_once_the_predictor_is_interrupted(interrupted: bool) -> None:
    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})
        await send({"type": "http.response.body", "body": b""})

    async def scenario() -> list[Message]:
        life_cycle = LifeCycle(drain=5)
        life_cycle.serve()
        if interrupted:
            life_cycle.interrupt()
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            return {"type": "http.disconnect"}

        await CloseConnectionsOnLeave(app, life_cycle)({"type": "http"}, receive, send)
        return sent

    start, _ = run(scenario())
    assert start["headers"] == [(b"a", b"b"), *([(b"connection", b"close")] if interrupted else [])]
