"""What is offered is compared or lost for a reason, and nothing that the candidate does is felt by who offers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from tests.unit.predictor.cards import card
from tests.unit.predictor.shadow.batches import CANDIDATE, DIGEST, answered, scored
from tests.unit.predictor.shadow.peer import peer, proper
from weld_api import metric_names
from weld_api.shadow import SHADOW_FILE, ShadowOrder
from weld_predictor.shadow import shadow as shadow_module
from weld_predictor.shadow.batch import Batch
from weld_predictor.shadow.line import Heard, Line
from weld_predictor.shadow.losses import LOSSES, Loss, LostError
from weld_predictor.shadow.metrics import ShadowMetrics
from weld_predictor.shadow.order import Order
from weld_predictor.shadow.shadow import MOST_TOGETHER, Shadow
from weld_predictor.shadow.wire import Candidate

LABELS = {"model": "north-line", "version": "1.0.0", "site": "north", "region": ""}
OWN = "a0" * 32
OTHER = "c0" * 32
Answers = Callable[[Batch], Heard]


class Shadowed:
    """A shadow without its thread: it does one thing after the other as the test says, and always has rested."""

    def __init__(
        self,
        folder: Path,
        monkeypatch: pytest.MonkeyPatch,
        chance: Callable[[], float] = lambda: 0.0,
        max_readings: int = 1_000,
    ) -> None:
        self.registry = CollectorRegistry()
        self.now = 0.0
        self.answers: Answers = lambda batch: Heard(answered(batch), 0.001, CANDIDATE)
        self.connects: Callable[[Order], Candidate] = lambda _: CANDIDATE
        self.asked: list[Batch] = []
        self._file = folder / SHADOW_FILE
        metrics = ShadowMetrics(self.registry, LABELS)
        self.shadow = Shadow(
            folder, card(), OWN, "north-line", metrics, max_readings=max_readings, clock=self._clock, chance=chance
        )
        monkeypatch.setattr(Line, "connect", lambda _, order: self.connects(order))
        monkeypatch.setattr(Line, "ask", lambda _, batch, order: self._ask(batch, order))

    def _clock(self) -> float:
        self.now += 1_000
        return self.now

    def _ask(self, batch: Batch, order: Order) -> Heard:
        del order
        self.asked.append(batch)
        return self.answers(batch)

    def order(self, digest: str = DIGEST, share: int = 100, addresses: tuple[str, ...] = ("10.0.0.7:8080",)) -> None:
        given = ShadowOrder(digest=digest, version="2.0.0", share=share, addresses=addresses)
        self._file.write_text(given.model_dump_json())
        self.shadow.look()

    def end_order(self) -> None:
        self._file.unlink(missing_ok=True)
        self.shadow.look()

    def compared(self, candidate: str = DIGEST) -> float:
        return sum(
            self._value(metric_names.SHADOW_READINGS, candidate, result=each) for each in ("agreed", "disagreed")
        )

    def lost(self, loss: Loss, candidate: str = DIGEST) -> float:
        return self._value(metric_names.SHADOW_LOST, candidate, reason=str(loss))

    def all_lost(self, candidate: str = DIGEST) -> float:
        return sum(self.lost(loss, candidate) for loss in LOSSES)

    def _value(self, name: str, candidate: str, **more: str) -> float:
        return self.registry.get_sample_value(name, {**LABELS, "candidate": candidate[:8], **more}) or 0.0


@pytest.fixture
def shadowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shadowed:
    return Shadowed(tmp_path, monkeypatch)


def leaves_unscored(count: int, batch: Batch) -> Heard:
    return Heard(answered(batch, 0.1, unscored=min(count, len(batch))), 0.001, CANDIDATE)


def raises(loss: Loss) -> Answers:
    def answer(_: Batch) -> Heard:
        raise LostError(loss, "as the test says")

    return answer


def test_without_an_order_nothing_is_kept(shadowed: Shadowed) -> None:
    assert not shadowed.shadow.is_on
    shadowed.shadow.offer([scored(5)])
    assert not shadowed.shadow.forward()
    assert shadowed.asked == []


def test_what_is_offered_is_compared(shadowed: Shadowed) -> None:
    shadowed.order()
    assert shadowed.shadow.is_on
    shadowed.shadow.offer([scored(5), scored(4, 1, fresh=np.array([True, False, True, True]))])
    assert shadowed.shadow.forward()
    assert shadowed.compared() == 8
    assert shadowed.all_lost() == 0
    [asked] = shadowed.asked
    assert asked.risk.tolist() == [*scored(5).answer.risk, *scored(4, 1).answer.risk[[0, 2, 3]]]


def test_a_large_pass_is_forwarded_in_parts(shadowed: Shadowed) -> None:
    shadowed.order()
    shadowed.shadow.offer([scored(3 * MOST_TOGETHER)])
    while shadowed.shadow.forward():
        pass
    assert [len(each) for each in shadowed.asked] == [MOST_TOGETHER] * 3


def test_of_a_share_the_others_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chances = iter([0.29, 0.30, 0.99, 0.0])
    shadowed = Shadowed(tmp_path, monkeypatch, chance=lambda: next(chances))
    shadowed.order(share=30)
    for seed in range(4):
        shadowed.shadow.offer([scored(10, seed)])
    while shadowed.shadow.forward():
        pass
    assert shadowed.compared() == 20
    assert shadowed.lost(Loss.SHARE) == 20


def test_what_does_not_fit_is_lost_at_once(shadowed: Shadowed) -> None:
    shadowed.order()
    for seed in range(40):
        shadowed.shadow.offer([scored(1_000, seed)])
    assert shadowed.lost(Loss.BUSY) == 8_000
    while shadowed.shadow.forward():
        pass
    assert shadowed.compared() == 32_000


@pytest.mark.parametrize("loss", [Loss.UNREACHABLE, Loss.REFUSED, Loss.SLOW, Loss.UNPAIRED])
def test_what_the_candidate_does_not_answer_is_lost_for_its_reason(shadowed: Shadowed, loss: Loss) -> None:
    shadowed.answers = raises(loss)
    shadowed.order()
    shadowed.shadow.offer([scored(5)])
    shadowed.shadow.forward()
    assert shadowed.lost(loss) == 5
    assert shadowed.compared() == 0


def test_without_a_replica_all_that_waits_is_lost(shadowed: Shadowed) -> None:
    shadowed.order(addresses=())
    shadowed.shadow.offer([scored(MOST_TOGETHER), scored(MOST_TOGETHER)])
    shadowed.shadow.forward()
    assert shadowed.lost(Loss.UNREACHABLE) == 2 * MOST_TOGETHER
    assert not shadowed.shadow.forward()


def test_who_cannot_be_reached_costs_nothing_while_another_can(shadowed: Shadowed) -> None:
    def fails_once(_: Order) -> Candidate:
        shadowed.connects = lambda _: CANDIDATE
        raise LostError(Loss.UNREACHABLE, "as the test says")

    shadowed.connects = fails_once
    shadowed.order(addresses=("10.0.0.7:8080", "10.0.0.8:8080"))
    shadowed.shadow.offer([scored(5)])
    assert shadowed.shadow.forward()
    assert shadowed.shadow.forward()
    assert shadowed.compared() == 5
    assert shadowed.all_lost() == 0


def test_no_more_is_sent_than_the_candidate_takes(shadowed: Shadowed) -> None:
    shadowed.connects = lambda _: replace(CANDIDATE, most_readings=7)
    shadowed.order()
    shadowed.shadow.offer([scored(20)])
    while shadowed.shadow.forward():
        pass
    assert [len(each) for each in shadowed.asked] == [7, 7, 6]


def test_an_error_of_our_own_costs_one_batch(shadowed: Shadowed) -> None:
    def fails(_: Batch) -> Heard:
        raise ZeroDivisionError

    shadowed.order()
    shadowed.answers, works = fails, shadowed.answers
    shadowed.shadow.offer([scored(5)])
    assert shadowed.shadow.forward()
    assert shadowed.lost(Loss.UNPAIRED) == 5
    shadowed.answers = works
    shadowed.shadow.offer([scored(5)])
    shadowed.shadow.forward()
    assert shadowed.compared() == 5


def test_what_waits_when_the_order_goes_is_lost(shadowed: Shadowed) -> None:
    shadowed.order()
    shadowed.shadow.offer([scored(5)])
    shadowed.end_order()
    assert not shadowed.shadow.is_on
    assert shadowed.lost(Loss.ENDED) == 5
    assert not shadowed.shadow.forward()


def test_an_order_for_the_same_candidate_loses_nothing(shadowed: Shadowed) -> None:
    shadowed.order()
    shadowed.shadow.offer([scored(5)])
    shadowed.order(addresses=("10.0.0.8:8080",))
    shadowed.shadow.forward()
    assert shadowed.compared() == 5


STEP = st.one_of(
    st.tuples(st.just("offer"), st.integers(1, 300), st.integers(0, 3)),
    st.tuples(st.just("order"), st.sampled_from([DIGEST, OTHER]), st.sampled_from([1, 40, 100])),
    st.tuples(st.just("end"), st.just(0), st.just(0)),
    st.tuples(st.just("forward"), st.sampled_from([None, *LOSSES]), st.integers(0, 3)),
)


@given(steps=st.lists(STEP, max_size=40), chances=st.randoms(use_true_random=False))
def test_what_was_offered_is_compared_or_lost(
    steps: list[tuple[str, object, int]], chances: Random, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(shadow_module, "LEAST_WAITING", 500)
        shadowed = Shadowed(tmp_path_factory.mktemp("shadow"), monkeypatch, chances.random, max_readings=100)
        offered = 0
        for what, one, other in steps:
            if what == "offer" and isinstance(one, int):
                fresh = None if other == 3 else np.arange(one) % 4 >= other
                if shadowed.shadow.is_on:
                    offered += one if fresh is None else int(fresh.sum())
                shadowed.shadow.offer([scored(one, fresh=fresh)])
            elif what == "order" and isinstance(one, str):
                shadowed.order(one, other)
            elif what == "end":
                shadowed.end_order()
            elif isinstance(one, Loss):
                shadowed.answers = raises(one)
                shadowed.shadow.forward()
            else:
                shadowed.answers = partial(leaves_unscored, other)
                shadowed.shadow.forward()
        shadowed.end_order()
        found = sum(shadowed.compared(each) + shadowed.all_lost(each) for each in (DIGEST, OTHER))
        assert found == offered


def test_the_thread_does_it_all_and_ends_whatever_it_is_at(tmp_path: Path) -> None:
    registry, heard = CollectorRegistry(), threading.Event()
    metrics = ShadowMetrics(registry, LABELS)
    answers = proper(scored(2).answer.risk.tolist())

    def answers_once(connection: socket.socket, request: bytes) -> None:
        if not heard.is_set():
            answers(connection, request)
        heard.set()

    with peer(DIGEST, answers_once) as other:
        address = "{}:{}".format(*other.address)
        order = ShadowOrder(digest=DIGEST, version="2.0.0", addresses=(address,))
        (tmp_path / SHADOW_FILE).write_text(order.model_dump_json())
        shadow = Shadow(tmp_path, card(), OWN, "north-line", metrics, max_readings=1_000)
        shadow.look()
        shadow.start()
        shadow.offer([scored(2)])
        assert heard.wait(30)
        shadow.offer([scored(2)])  # which is never answered
        shadow.close()
        assert not shadow._thread.is_alive()
