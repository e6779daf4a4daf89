"""How much counters rose, look after look, whatever Pods do."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weld_operator.adapters.exposition import Labels
from weld_operator.adapters.tally import MOST_POINTS, MOST_SERIES, RECENT_POINTS, Shown, Tally, TooManySeriesError

START = datetime(2026, 11, 25, 12, tzinfo=UTC)
GOOD: Labels = (("status", "200"),)
BAD: Labels = (("status", "500"),)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def looks(tally: Tally, *seen: dict[str, float | None], begin: int = 0, step: int = 10) -> None:
    """One look after the other: what each Pod shows of good ones, None where it keeps silent."""
    for number, pods in enumerate(seen):
        shown = {uid: Shown({GOOD: value}) for uid, value in pods.items() if value is not None}
        tally.take(at(begin + step * number), pods.keys(), shown)


def good(tally: Tally, since: float) -> float:
    return tally.rise(at(since))[1][GOOD]


@pytest.mark.parametrize(
    ("seen", "rise"),
    [
        ([{"a": 100}], 0),
        ([{"a": 100}, {"a": 130}], 30),
        ([{"a": 100}, {"a": 130}, {"a": 5}], 35),
        ([{"a": 100, "b": 7}, {"a": 101, "b": 9}], 3),
        ([{"a": 100}, {"a": 101, "b": 9}], 10),
        ([{}, {"a": 9}], 9),
        ([{"a": 100}, {"a": 130}, {}], 30),
        ([{"a": 100}, {"a": 130}, {}, {"b": 4}], 34),
        ([{"a": 100}, {"a": None}, {"a": 140}], 40),
        ([{"a": None}, {"a": 140}, {"a": 141}], 1),
        ([{"a": 100}, {"a": 100, "b": None}, {"a": 100, "b": 8}], 8),
    ],
    ids=[
        "one look",
        "a rise",
        "a fall is a new beginning",
        "two Pods",
        "a Pod that came later began at 0",
        "so did the first one that came",
        "a Pod that went keeps what it counted",
        "and its successor counts for itself",
        "a silence in between",
        "silence at the first look: what it had counted is not known",
        "silence of one that came later",
    ],
)
def test_the_rise_since_the_first_look(seen: list[dict[str, float | None]], rise: float) -> None:
    tally = Tally()
    looks(tally, *seen)
    assert good(tally, 0) == rise


def test_a_process_that_started_anew_counts_from_0_even_where_it_shows_more() -> None:
    tally = Tally()
    for number, (value, start) in enumerate([(10.0, 1000.0), (12.0, 1000.2), (15.0, 2000.0), (16.0, 2000.0)]):
        tally.take(at(number), ["a"], {"a": Shown({GOOD: value}, start)})
    assert good(tally, 0) == 2 + 15 + 1


def test_a_series_that_is_born_counts_whole() -> None:
    tally = Tally()
    tally.take(at(0), ["a"], {"a": Shown({GOOD: 10})})
    tally.take(at(10), ["a"], {"a": Shown({GOOD: 10, BAD: 1})})
    assert tally.rise(at(0)) == (at(0), {GOOD: 0, BAD: 1})
    assert tally.rise(at(10)) == (at(10), {GOOD: 0, BAD: 0})


def test_a_time_between_two_looks_begins_at_the_next() -> None:
    tally = Tally()
    looks(tally, {"a": 0}, {"a": 5}, {"a": 7})
    assert tally.rise(at(3)) == (at(10), {GOOD: 2})
    assert tally.rise(at(-100)) == (at(0), {GOOD: 7})
    assert tally.rise(at(100)) == (at(20), {GOOD: 0})


def test_what_rose_in_silence_belongs_to_the_time_before_a_later_phase() -> None:
    tally = Tally()
    looks(tally, {"a": 0, "b": 0}, {"a": None, "b": 1}, {"a": None, "b": 2}, {"a": 50, "b": 3})
    assert good(tally, 0) == 53
    assert good(tally, 10) == 2
    assert good(tally, 20) == 1


def test_the_age_is_that_of_the_pod_that_was_silent_longest() -> None:
    tally = Tally()
    looks(tally, {"a": 0, "b": 0}, {"a": 0, "b": None}, {"a": 0, "b": None, "c": None})
    assert tally.newest(ready=set()) == at(0)
    looks(tally, {"a": 0, "c": None}, begin=30)
    assert tally.newest(ready=set()) == at(30)
    assert tally.newest(ready={"c"}) == at(10), "the last look without it"
    looks(tally, {}, {}, begin=40)
    assert tally.newest(ready=set()) == at(30)


def test_where_nobody_answered_there_is_no_age() -> None:
    tally = Tally()
    looks(tally, {"a": None})
    assert tally.newest(ready=set()) is None
    assert not tally.has_series


def test_a_clock_that_was_set_back_does_no_harm() -> None:
    tally = Tally()
    looks(tally, {"a": 0}, {"a": 5})
    looks(tally, {"a": 9}, begin=-3600)
    assert good(tally, 0) == 9
    assert tally.newest(ready=set()) == at(10)


def test_more_series_than_are_kept_are_refused_and_change_nothing() -> None:
    tally = Tally()
    looks(tally, {"a": 0}, {"a": 5})
    many: dict[Labels, float] = {(("what", str(number)),): 1.0 for number in range(MOST_SERIES)}
    with pytest.raises(TooManySeriesError, match="more than 1,000 series"):
        tally.take(at(20), ["a"], {"a": Shown(many)})
    assert tally.rise(at(0)) == (at(0), {GOOD: 5})


def test_the_past_is_thinned_but_for_where_answers_begin() -> None:
    tally = Tally()
    for second in range(10 * MOST_POINTS):
        tally.take(at(second), ["a"], {"a": Shown({GOOD: float(second)})})
        assert good(tally, 77) == max(second - 77, 0)
    newest = 10 * MOST_POINTS - 1
    starts = {tally.rise(at(second))[0] for second in range(newest + 1)}
    assert len(starts) <= MOST_POINTS
    assert {at(second) for second in range(newest - RECENT_POINTS + 1, newest + 1)} <= starts
    assert at(77) in starts


@st.composite
def lives(draw: st.DrawFn) -> list[list[tuple[str, int, bool, bool]]]:
    """At each look, of each Pod that is there: its uid, what it counted since the last, whether anew, whether heard."""
    one = st.tuples(st.sampled_from("abc"), st.integers(0, 9), st.booleans(), st.booleans())
    return draw(st.lists(st.lists(one, max_size=3, unique_by=lambda pod: pod[0]), min_size=1, max_size=12))


@given(lives(), st.integers(0, 11))
def test_no_answer_has_more_than_was_counted_from_then_on(
    life: list[list[tuple[str, int, bool, bool]]], begin: int
) -> None:
    """And exactly as much, where every Pod is heard at every look and no process starts anew."""
    tally = Tally()
    truth: dict[int, float] = defaultdict(float)
    shown_by: dict[str, float] = {}
    is_plain = True
    for number, pods in enumerate(life):
        there = {uid for uid, *_ in pods}
        is_plain &= all(not anew and heard for _, _, anew, heard in pods)
        shown_by = {uid: value for uid, value in shown_by.items() if uid in there}
        for uid, rise, anew, _ in pods:
            shown_by[uid] = (0.0 if anew else shown_by.get(uid, 0.0)) + rise
            truth[number] += rise
        tally.take(at(number), there, {uid: Shown({GOOD: shown_by[uid]}) for uid, *_, heard in pods if heard})
    start, rises = tally.rise(at(begin))
    first = (start - START) // timedelta(seconds=1)
    real = sum(rise for number, rise in truth.items() if number > first)
    counted = rises.get(GOOD, 0.0)
    assert counted == real if is_plain else counted <= real
