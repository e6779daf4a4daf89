"""Subjects of plans, small and large."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from weld_api.card import Throughput
from weld_api.spec import WeldModelSpec
from weld_operator.domain.capacity.assets import PlanAssets, Prices, Region
from weld_operator.domain.capacity.subject import Subject

THROUGHPUT = Throughput(
    scorer="native",
    cores=2,
    busy_cores=1.25,
    request_readings=100,
    readings_per_second=480_000,
    readings_per_second_per_core=384_000,
    seconds_per_pass=0.0005,
    seconds_per_request=0.00008,
    seconds_per_reading=1.2e-6,
    scoring_seconds_per_reading=0.9e-6,
    memory_bytes=180 * 2**20,
    request_bytes_per_reading=114.0,
    answer_bytes_per_reading=12.0,
    machine="some processor, 2 cores",
    measured_at=datetime(2026, 11, 25, tzinfo=UTC),
)
PRICES = Prices(
    currency="USD",
    core_hour=0.04,
    memory_gib_hour=0.005,
    ledger_gib_month=0.004,
    transfer_gib=0,
    transfer_gib_abroad=0.05,
    place_year=20_000,
    false_dig=40_000,
    missed_flaw=2_000_000,
)
SOUTH = Region(name="south", country="br", share=60, kilometres_to_hub=0)
NORTH = Region(name="north", country="br", share=40, kilometres_to_hub=2500)


def spec(**changes: Any) -> WeldModelSpec:
    """Of 10,000 readings each 100 ms; `serving` and fields of `workload` may be changed."""
    serving = changes.pop("serving", {})
    workload = {"readingsPerTick": 10_000, "tick": "100ms", "jitter": "20ms", "deadline": "100ms", **changes}
    return WeldModelSpec.model_validate(
        {
            "asset": {"kind": "PipelineWeld", "site": "north-line"},
            "model": {"version": "1.0.0", "uri": "pvc://bundles/weld", "sha256": "0" * 64},
            "workload": workload,
            "serving": serving,
        }
    )


def assets(*regions: Region, **changes: Any) -> PlanAssets:
    return PlanAssets.model_validate({"kilometres": 100, "regions": regions or (SOUTH,), **changes})


def subject(
    of: WeldModelSpec | None = None,
    on: PlanAssets | None = None,
    *,
    prices: Prices | None = PRICES,
    throughput: Throughput = THROUGHPUT,
) -> Subject:
    return Subject("WeldModel north-line", of or spec(), on or assets(), throughput, prices, 24, 0.95, 0.6)
