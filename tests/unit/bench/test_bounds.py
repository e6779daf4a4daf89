"""What the bench holds against its limits, and which of the servers count as peers."""

from typing import Any

import pytest

from tests.bench.bounds import bounds_of


def record(workload: str, server: str, readings_per_s: float) -> dict[str, Any]:
    return {"workload": workload, "server": server, "readings_per_s": readings_per_s}


RECORDS = [
    record("W1", "in-process scikit-learn", 400_000),
    record("W1", "weldserve", 1_000_000),
    record("W1", "weldserve gRPC", 790_000),
    record("W2", "in-process scikit-learn", 9_000_000),
    record("W2", "weldserve", 800_000),
    record("W2", "weldserve gRPC", 250_000),
    record("W2", "Slow gRPC", 100_000),
    record("W2", "Fast REST", 201_000),
]


def test_peers_are_the_others_and_the_best_of_them_counts() -> None:
    found = {bound.text: (round(bound.found, 2), bound.holds) for bound in bounds_of({"records": RECORDS})}
    assert found == {
        "W1, weldserve / in-process": (2.5, True),
        "W1, weldserve gRPC / in-process": (1.98, False),
        "W2, weldserve / Fast REST, the best peer": (3.98, False),
        "W2, weldserve gRPC / Slow gRPC, the best peer": (2.5, True),
    }


def test_without_peers_nothing_is_said_of_them() -> None:
    ours = [each for each in RECORDS if "weldserve" in each["server"] or "in-process" in each["server"]]
    assert not any("peer" in bound.text for bound in bounds_of({"records": ours}))


@pytest.mark.parametrize(("lost", "p999", "growth", "held"), [(0, 25, 5, 3), (1, 25, 5, 2), (0, 26, 6, 1)])
def test_a_pipeline_that_loses_readings_or_is_slow_or_grows_does_not_hold(
    lost: int, p999: float, growth: float, held: int
) -> None:
    pipeline = {"seconds": 60, "readings_lost": lost, "p999_ms": p999, "rss_growth_mib": growth}
    found = bounds_of({"records": [record("W5", "weldserve", 100_000) | pipeline]})
    assert sum(bound.holds for bound in found) == held


@pytest.mark.parametrize(
    ("part", "held"),
    [
        ({"rss_mib": 400.1}, 0),
        ({"hostile": {"server_errors": 1, "share": 0.96}}, 1),
        ({"intake": {"share": 0.89}}, 0),
        ({"shadow": {"share": 0.949}}, 0),
        ({"shadow": {"share": 0.951}}, 1),
        ({"overload": {"refusals": {"p99_ms": 90}, "share_in_time": 0.98, "rss_peak_mib": 300, "share_after": 1}}, 3),
    ],
)
def test_each_part_has_its_limits(part: dict[str, Any], held: int) -> None:
    assert sum(bound.holds for bound in bounds_of({"records": [], **part})) == held
