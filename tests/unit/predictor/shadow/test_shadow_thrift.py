"""Shadowing takes a little of what the predictor works, more of what lies idle, and nothing for waiting."""

from __future__ import annotations

import threading
import time

import pytest

from weld_predictor.shadow.thrift import (
    EARN_SECONDS,
    MOST_SAVED,
    SHARE_OF_IDLE,
    SHARE_OF_WORK,
    Effort,
    Thrift,
    effort_of_others,
)


class Day:
    """Time that goes by, of which a predictor works and waits a share."""

    def __init__(self, works: float, waits: float) -> None:
        self.now = 100.0
        self.works = works
        self.waits = waits
        self.shadowed = 0.0
        self.thrift = Thrift(self.now, self._effort)

    def _effort(self) -> Effort:
        return Effort(self.works * self.now, self.waits * self.now)

    def goes_by(self, seconds: float, work: float) -> None:
        """With works of `work` seconds of the processor, whenever they are allowed."""
        until = self.now + seconds
        while self.now < until:
            while self.thrift.may_work(self.now):
                self.thrift.worked(work)
                self.shadowed += work
            self.now += EARN_SECONDS


@pytest.mark.parametrize(
    ("works", "waits", "share"),
    [
        (1.0, 0.0, SHARE_OF_WORK),
        (2.0, 0.0, 2 * SHARE_OF_WORK),
        (0.1, 0.9, 0.1 * SHARE_OF_WORK),
        (0.25, 3.0, 0.25 * SHARE_OF_WORK),
        (0.1, 0.0, 0.1 * SHARE_OF_WORK + 0.9 * SHARE_OF_IDLE),
        (0.0, 0.0, SHARE_OF_IDLE),
    ],
)
@pytest.mark.parametrize("work", [0.0005, 0.005])
def test_work_takes_its_share_of_what_there_is(works: float, waits: float, share: float, work: float) -> None:
    day = Day(works, waits)
    day.goes_by(100, work)
    assert day.shadowed == pytest.approx(share * 100, abs=MOST_SAVED + 2 * work)


def test_a_long_rest_saves_no_more_than_a_little() -> None:
    day = Day(0.0, 0.0)
    day.now += 10_000
    day.goes_by(EARN_SECONDS, 0.001)
    assert day.shadowed <= MOST_SAVED + 0.001


def test_the_effort_of_other_threads_is_theirs_alone() -> None:
    def busy() -> None:
        until = time.thread_time() + 0.02
        while time.thread_time() < until:
            pass

    before = effort_of_others()
    busy()
    own = effort_of_others()
    assert own.worked - before.worked < 0.02, "what this thread works is not counted"
    other = threading.Thread(target=busy)
    other.start()
    other.join()
    after = effort_of_others()
    assert after.worked - own.worked >= 0.015
    assert after.waited >= 0
