"""What the predictor promises of its speed, and whether this run kept it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tests.bench.in_process import NAME as IN_PROCESS

REST, GRPC = "weldserve", "weldserve gRPC"
_OURS = (REST, GRPC, IN_PROCESS)

Records = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Bound:
    """One promise."""

    text: str
    found: float
    limit: float
    is_most: bool = False
    """Whether the limit is the most that may be found; otherwise the least."""

    @property
    def holds(self) -> bool:
        return self.found <= self.limit if self.is_most else self.found >= self.limit

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "found": round(self.found, 3), "holds": self.holds}


def bounds_of(results: Mapping[str, Any]) -> list[Bound]:
    """Those that the parts of `results` allow to judge."""
    records: Records = results["records"]
    found = [*_ratios(records)]
    if results.get("rss_mib"):
        found.append(Bound("RSS after the whole bench, MiB", results["rss_mib"], 400, is_most=True))
    for name, limit in (("W5", 25), ("W5 x 4", 100)):
        found += _pipeline(records, name, limit)
    if "overload" in results:
        found += _overload(results["overload"])
    if "hostile" in results:
        hostile = results["hostile"]
        found.append(Bound("5xx answers to requests that nobody should send", hostile["server_errors"], 0, True))
        found.append(Bound("throughput among them / without them", hostile["share"], 0.95))
    if "intake" in results:
        found.append(Bound("W2 with intake / without", results["intake"]["share"], 0.9))
    if "shadow" in results:
        found.append(Bound("W2 while shadowing / without", results["shadow"]["share"], 0.95))
    return found


def _ratios(records: Records) -> Iterator[Bound]:
    for workload, server, least in (("W1", REST, 2.5), ("W1", GRPC, 2.0), ("W4", REST, 0.7)):
        ours, limit = _rate(records, workload, server), _rate(records, workload, IN_PROCESS)
        if ours and limit:
            yield Bound(f"{workload}, {server} / in-process", ours / limit, least)
    for workload, server, least, only_grpc in (
        ("W2", REST, 4.0, False),
        ("W3", REST, 8.0, False),
        ("W2", GRPC, 1.2, True),
    ):
        ours, best = _rate(records, workload, server), _best_peer(records, workload, only_grpc)
        if ours and best is not None:
            yield Bound(f"{workload}, {server} / {best['server']}, the best peer", ours / best["readings_per_s"], least)


def _rate(records: Records, workload: str, server: str) -> float | None:
    for record in records:
        if (record["workload"], record["server"]) == (workload, server):
            return float(record["readings_per_s"])
    return None


def _best_peer(records: Records, workload: str, only_grpc: bool) -> Mapping[str, Any] | None:
    peers = [
        record
        for record in records
        if record["workload"] == workload
        and record["server"] not in _OURS
        and (not only_grpc or "gRPC" in record["server"])
    ]
    return max(peers, key=lambda record: float(record["readings_per_s"]), default=None)


def _pipeline(records: Records, name: str, limit: float) -> Iterator[Bound]:
    for record in records:
        if record["workload"] == name:
            minutes = record["seconds"] / 60
            yield Bound(f"{name}, readings lost in {minutes:.1f} minutes", record["readings_lost"], 0, True)
            yield Bound(f"{name}, p99.9, ms", record["p999_ms"], limit, True)
            yield Bound(f"{name}, growth of RSS, MiB", record["rss_growth_mib"], 5, True)


def _overload(found: Mapping[str, Any]) -> Iterator[Bound]:
    yield Bound("overload, p99 of refusals, ms", found["refusals"]["p99_ms"], 150, True)
    yield Bound("overload, share of what is served that comes within its 100 ms", found["share_in_time"], 0.99)
    yield Bound("overload, peak of RSS, MiB", found["rss_peak_mib"], 400, True)
    yield Bound("overload, rate a second after it / usual rate, median of nine", found["share_after"], 0.9)
