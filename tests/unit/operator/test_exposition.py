"""Prometheus' text format, as Pods show it and as nobody should."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, generate_latest

from weld_operator.adapters.exposition import ExpositionError, Page, read_page

PAGE = """# HELP weldserve_requests_total Requests, {not} "a" sample.
# TYPE weldserve_requests_total counter
weldserve_requests_total{protocol="rest",status="200"} 1027.0
weldserve_requests_total { status = "500", protocol="rest", } 3 1395066363000
weldserve_readings_total 1.0e+06

process_start_time_seconds 1.79e+09
go_gc_duration_seconds{quantile="0"} NaN
weldserve_request_seconds_bucket{le="+Inf"} 9
# EOF
"""


def test_the_named_counters_are_read() -> None:
    page = read_page(PAGE, {"weldserve_requests_total", "weldserve_readings_total", "absent"})
    assert page == Page(
        {
            "weldserve_requests_total": {
                (("protocol", "rest"), ("status", "200")): 1027.0,
                (("protocol", "rest"), ("status", "500")): 3.0,
            },
            "weldserve_readings_total": {(): 1e6},
        },
        1.79e9,
    )


def test_an_empty_page_shows_nothing() -> None:
    assert read_page("", {"x"}) == Page()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("<html><body>It works!</body></html>\n", "the line '<html><body>It works!</body></html>' is not of"),
        ('{"status":"success"}', "is not of Prometheus' text format"),
        ("x", "the line 'x' is not of"),
        ("x 1 2 3", "the line 'x 1 2 3' is not of"),
        ('x{a="b" 1', "is not of Prometheus' text format"),
        ('x{a="b"', "is not of Prometheus' text format"),
        ("x{a=b} 1", "the labels 'a=b' are not of"),
        ('x{a="b" c="d"} 1', "are not of Prometheus' text format"),
        ("x one", "the value 'one' is not a number"),
        ("x NaN", "the counter x is NaN, expected a number of 0 or more"),
        ("x +Inf", "the counter x is +Inf, expected"),
        ("x -1", "the counter x is -1, expected"),
        ("process_start_time_seconds soon", "the value 'soon' is not a number"),
        ("\x00\x01", "is not of Prometheus' text format"),
        ("x " + "9" * 500 + "a", "is not a number"),
    ],
)
def test_what_is_no_page_is_told(text: str, complaint: str) -> None:
    with pytest.raises(ExpositionError) as error:
        read_page(text, {"x"})
    assert complaint in str(error.value)
    assert len(str(error.value)) < 200


@given(st.dictionaries(st.text(max_size=8), st.floats(0, 1e12), max_size=5))
def test_what_the_client_writes_is_read_back(values: dict[str, float]) -> None:
    registry = CollectorRegistry()
    counter = Counter("weldserve_things", "Things.", ["what"], registry=registry)
    for label, value in values.items():
        counter.labels(what=label).inc(value)
    page = read_page(generate_latest(registry).decode(), {"weldserve_things_total"})
    assert page.counters.get("weldserve_things_total", {}) == {(("what", key),): value for key, value in values.items()}


@given(st.text(alphabet='x{}="\\, \n1#N', max_size=60))
def test_no_text_brings_anything_but_numbers_or_a_complaint(text: str) -> None:
    try:
        page = read_page(text, {"x"})
    except ExpositionError:
        return
    assert all(math.isfinite(value) for series in page.counters.values() for value in series.values())
