"""A small fleet on a real API server: what its operator asks for does not grow with it. A large one: `make fleet`."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fleet.campaign import fleet_with_operator, measured
from tests.fleet.fleet import Fleet
from tests.fleet.measured_operator import MeasuredOperator
from tests.fleet.measures import Size

REGIONS = ("br-a", "br-b", "br-c")
SIZES = (2, 16)
CHANGES = 6
REST_SECONDS = 3.0


@pytest.fixture(scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Fleet, MeasuredOperator]]:
    async with fleet_with_operator(tmp_path_factory.mktemp("fleet"), REGIONS) as site:
        yield site


@pytest.fixture(scope="module")
async def sizes(site: tuple[Fleet, MeasuredOperator]) -> tuple[Size, Size]:
    few, many = [await measured(*site, size, changes=CHANGES, rest_seconds=REST_SECONDS) for size in SIZES]
    return few, many


def test_nothing_is_written_at_rest_nor_by_a_start(sizes: tuple[Size, Size]) -> None:
    for size in sizes:
        assert not size.rest.writes_by_kind
        assert not size.start.writes_by_kind


def test_a_start_asks_for_no_more_of_a_larger_fleet(sizes: tuple[Size, Size]) -> None:
    """One list of each kind, and its pages: not some requests for each WeldModel."""
    few, many = sizes
    assert many.start.reads <= few.start.reads + 2


def test_a_change_costs_as_many_requests_in_a_larger_fleet(sizes: tuple[Size, Size]) -> None:
    few, many = sizes
    assert many.reactions.requests <= few.reactions.requests + 1


def test_a_change_is_read_from_memory_and_written_once_for_each_region(sizes: tuple[Size, Size]) -> None:
    for size in sizes:
        assert size.reactions.requests_by_kind["patch inferenceservices"] == len(REGIONS)
        read = [kind for kind in size.reactions.requests_by_kind if kind.startswith("list ")]
        assert not read
