"""Durations and quantities mean what Kubernetes means by them."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weld_api.quantity import parse_duration, parse_quantity


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("100ms", 100),
        ("1s", 1000),
        ("1h30m", 5_400_000),
        ("0s", 0),
        ("2m500ms", 120_500),
        ("7d", 604_800_000),
        ("1d2h500ms", 93_600_500),
        ("1s1s", 2000),
    ],
)
def test_durations(text: str, milliseconds: int) -> None:
    assert parse_duration(text) == timedelta(milliseconds=milliseconds)


@pytest.mark.parametrize("text", ["", "100", "1w", "-1s", "1.5s", "100 ms", "ms", "1S", "10us", "1s\n"])
def test_what_is_no_duration_is_refused_with_the_value(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [("512Mi", 512 * 1024**2), ("250m", Decimal("0.25")), ("2", 2), ("1.5Gi", 3 * 1024**3 // 2), ("3k", 3000)],
)
def test_quantities(text: str, value: Decimal) -> None:
    assert parse_quantity(text) == value


@pytest.mark.parametrize("text", ["", "Mi", "-1", "1e3", "1 Gi", "1mi", "0x1"])
def test_what_is_no_quantity_is_refused_with_the_value(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        parse_quantity(text)


@given(st.integers(0, 999_999), st.integers(0, 999_999))
def test_the_parts_of_a_duration_add_up(seconds: int, milliseconds: int) -> None:
    assert parse_duration(f"{seconds}s{milliseconds}ms") == timedelta(seconds=seconds, milliseconds=milliseconds)
