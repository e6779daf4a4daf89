"""The PromQL that is asked for counters, and what is read out of queries of others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import promql_parser
import pytest

from weld_operator.adapters.prometheus_queries import (
    Window,
    as_one,
    counter_rise,
    counter_selector,
    duration,
    newest_sample,
    oldest_sample,
    plain_rise,
)
from weld_operator.adapters.prometheus_selectors import Selector, selectors
from weld_operator.domain.gates.measurement import Counter

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
HOUR = Window(NOW - timedelta(hours=1), NOW)
FAILED = Counter("weldserve_requests_total", "plant-a", "north-line-6c1f0a2b", (("status", "5.."),), "status")
PLAIN = Counter("weldserve_readings_total", "plant-a", "north-line-6c1f0a2b")


def test_a_counter_is_looked_for_in_all_pods_of_its_revision() -> None:
    assert counter_selector(FAILED) == (
        'weldserve_requests_total{namespace="plant-a",pod=~"north-line-6c1f0a2b-predictor-.+",status=~"5.."}'
    )


def test_what_is_shown_to_people_is_short() -> None:
    assert plain_rise(FAILED, HOUR) == f"sum by (status) (increase({counter_selector(FAILED)}[3600s]))"
    assert plain_rise(PLAIN, HOUR) == f"sum (increase({counter_selector(PLAIN)}[3600s]))"


def test_a_rise_is_told_in_the_first_way_that_is_open() -> None:
    series = counter_selector(PLAIN)
    start = 'process_start_time_seconds{namespace="plant-a",pod=~"north-line-6c1f0a2b-predictor-.+"}'
    rising = f"(last_over_time({series}[3600000ms]) unless resets({series}[3900000ms]) > 0)"
    known = f"last_over_time({start}[300000ms] offset 3600000ms)"
    young = f"min_over_time({start}[3600000ms]) >= 1795604400.000"
    assert counter_rise(PLAIN, HOUR) == (
        f"sum (({rising} - last_over_time({series}[300000ms] offset 3600000ms))"
        f" or ({rising} and on (pod, instance) ({known} or {young}))"
        f" or increase({series}[3600000ms]))"
    )


@pytest.mark.parametrize("counter", [FAILED, PLAIN])
@pytest.mark.parametrize("length", [timedelta(microseconds=1), timedelta(seconds=1.5), timedelta(days=30)])
def test_all_of_it_is_promql(counter: Counter, length: timedelta) -> None:
    window = Window(NOW - length, NOW)
    series = counter_selector(counter)
    parts = {
        "0 rise": counter_rise(counter, window),
        "0 oldest": oldest_sample(series, window),
        "0 newest": newest_sample(series, length),
    }
    promql_parser.parse(as_one(parts))
    promql_parser.parse(plain_rise(counter, window))


def test_quotes_and_backslashes_stay_what_they_are() -> None:
    counter = Counter("x", "n", "r", (("path", r'a\d"'),))
    assert r'path=~"a\\d\""' in counter_selector(counter)
    (found,) = selectors(counter_selector(counter))
    assert found.metric == "x"


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (timedelta(seconds=1.5), "1500ms"),
        (timedelta(days=1), "86400000ms"),
        (timedelta(microseconds=5), "1ms"),
    ],
)
def test_a_duration_is_in_milliseconds(time: timedelta, text: str) -> None:
    assert duration(time) == text


def test_the_past_is_searched_in_steps_that_are_not_longer_than_a_sample_stands() -> None:
    assert ":100ms]" in newest_sample("x", timedelta(seconds=2))
    assert ":15000ms]" in newest_sample("x", timedelta(hours=1))
    assert ":300000ms]" in newest_sample("x", timedelta(days=30))


def test_without_reach_only_what_is_seen_now_counts() -> None:
    assert newest_sample("x", None, " offset 5m") == "max(timestamp(x offset 5m))"


MINUTES = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("x", [Selector("x{}", "x")]),
        ("vector(1) + time()", []),
        ('sum(rate(x{a="b"}[5m])) / sum(y)', [Selector('x{a="b"}', "x", 5 * MINUTES), Selector("y{}", "y")]),
        ("x + x", [Selector("x{}", "x")]),
        ("rate(x[5m] offset 1h)", [Selector("x{}", "x", 5 * MINUTES, 60 * MINUTES)]),
        ("x offset -5m", [Selector("x{}", "x", None, -5 * MINUTES)]),
        ("max_over_time(rate(x[5m])[1h:1m] offset 2m)", [Selector("x{}", "x", 65 * MINUTES, 2 * MINUTES)]),
        ("max_over_time(x[1h:1m]) + x", [Selector("x{}", "x", 60 * MINUTES), Selector("x{}", "x")]),
        ("x @ 60 offset 1m", [Selector("x{}", "x", None, MINUTES, datetime(1970, 1, 1, 0, 1, tzinfo=UTC))]),
        (
            "max_over_time((x offset 1m)[1h:1m] @ 60)",
            [Selector("x{}", "x", 60 * MINUTES, MINUTES, datetime(1970, 1, 1, 0, 1, tzinfo=UTC))],
        ),
        (
            "max_over_time((x @ 60)[1h:1m] offset 5m)",
            [Selector("x{}", "x", None, timedelta(0), datetime(1970, 1, 1, 0, 1, tzinfo=UTC))],
        ),
        ("x @ end()", [Selector("x{}", "x")]),
        ('{__name__="x",a!="b"}', [Selector('{__name__="x",a!="b"}', "x")]),
        ('{__name__=~"x.*"}', [Selector('{__name__=~"x.*"}', "")]),
    ],
)
def test_the_selectors_of_a_query_are_found(query: str, found: list[Selector]) -> None:
    assert list(selectors(query)) == found
    for each in found:
        promql_parser.parse(newest_sample(each.series, each.reach, each.place))


def test_what_is_no_promql_is_refused() -> None:
    with pytest.raises(ValueError, match=r"unclosed|expected"):
        selectors("sum(x")


@pytest.mark.parametrize("query", ["+".join(["x"] * 512), "(" * 511 + "x" + ")" * 511, "-" * 1023 + "x"])
def test_the_deepest_that_a_gate_can_hold_is_read(query: str) -> None:
    assert selectors(query) == (Selector("x{}", "x"),)


def test_a_query_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="the query has 4,097 characters, expected at most 4,096"):
        selectors("x" * 4097)


@pytest.mark.parametrize(
    ("selector", "place", "looks_at"),
    [
        (Selector("x", "x"), "", NOW),
        (Selector("x", "x", offset=timedelta(hours=1)), " offset 3600000ms", NOW - timedelta(hours=1)),
        (Selector("x", "x", offset=-timedelta(seconds=1)), " offset -1000ms", NOW + timedelta(seconds=1)),
        (
            Selector("x", "x", offset=timedelta(seconds=1), at=NOW - timedelta(days=1)),
            " @ 1795521600.000 offset 1000ms",
            NOW - timedelta(days=1, seconds=1),
        ),
    ],
)
def test_where_a_selector_looks(selector: Selector, place: str, looks_at: datetime) -> None:
    assert selector.place == place
    assert selector.looks_at(NOW) == looks_at
