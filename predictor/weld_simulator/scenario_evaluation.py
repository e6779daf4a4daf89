"""How bundles fare in the laboratory and under each scenario: on test sites, which training never saw.

The laboratory is the period that the models were trained for. Scenarios are met later, in the third and fourth year of
the same test sites; each holds from a date on, and readings are taken from then on for a year (`hot_summer`: in its
summer). `operation` is what a line may well meet at once: condensate, a hot summer and half of the ageing. All bundles
see the same readings.

The simulated world was shaped (closing of cracks, range of pressure, sizes of flaws, strengths) until models differed
about as those of the problem that it stands for. How far apart they are is a property of that world, not a finding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from threadpoolctl import threadpool_limits

from weld_bundle.loading import Bundle
from weld_simulator.campaign import LABORATORY, Campaign, Period, Use, run
from weld_simulator.intervals import METHOD, Bounds, estimate
from weld_simulator.reference_bundles import risk_of
from weld_simulator.scenarios import Scenario, ScenarioName, Scenarios

SWITCHED_ON = datetime(2027, 1, 1, tzinfo=UTC)
_YEAR = Period(SWITCHED_ON, SWITCHED_ON + timedelta(days=365))
_SUMMER = Period(datetime(2027, 6, 1, tzinfo=UTC), datetime(2027, 9, 1, tzinfo=UTC))
_YEAR_AFTER = Period(_YEAR.end, _YEAR.end + timedelta(days=365))
"""New flaws need time to grow."""

PERIODS = {ScenarioName.HOT_SUMMER: _SUMMER, ScenarioName.MORE_FLAWS: _YEAR_AFTER}
"""When readings are taken, where it is not in the year after the scenario's date."""

STRENGTHS = {
    ScenarioName.NEW_SENSOR_TYPE: 0.5,
    ScenarioName.UNITS_BUG: 0.3,
    ScenarioName.COLUMN_ORDER_BUG: 0.3,
    ScenarioName.STALE_FIRMWARE: 0.3,
}
"""Shares of sensors; all other scenarios hold at strength 1."""

LABORATORY_NAME, OPERATION_NAME = "laboratory", "operation"


@dataclass(frozen=True, slots=True)
class Condition:
    """One row of the evaluation: which scenarios hold, and when readings are taken."""

    name: str
    scenarios: Scenarios
    period: Period


def conditions() -> tuple[Condition, ...]:
    """All that are evaluated: the laboratory, each scenario by itself, and `operation`."""
    each = (Condition(name.value, (scenario_at(name),), PERIODS.get(name, _YEAR)) for name in ScenarioName)
    together = (
        Scenario(ScenarioName.OTHER_FLUID, SWITCHED_ON),
        Scenario(ScenarioName.HOT_SUMMER, SWITCHED_ON),
        Scenario(ScenarioName.AGEING, SWITCHED_ON, 0.5),
    )
    return (
        Condition(LABORATORY_NAME, (), LABORATORY),
        *each,
        Condition(OPERATION_NAME, together, _SUMMER),
    )


def scenario_at(name: ScenarioName) -> Scenario:
    """As it is evaluated: its date and strength."""
    return Scenario(name, SWITCHED_ON, STRENGTHS.get(name, 1.0))


@dataclass(frozen=True, slots=True)
class Record:
    """One bundle under one condition."""

    bundle: str
    version: str
    scenario: str
    strengths: dict[str, float]
    since: str | None
    begin: str
    end: str
    sites: int
    readings: int
    at_risk: int
    decided: int
    precision: float
    precision_interval: Bounds
    recall: float
    recall_interval: Bounds


def evaluate(bundles: Sequence[Bundle], seed: int, sites: int) -> Iterator[Record]:
    """A record per bundle and condition, the laboratory first. The same arguments give the same records."""
    with threadpool_limits(1):
        for condition in conditions():
            readings = run(seed, Use.TEST, sites, condition.period, condition.scenarios)
            yield from _records(bundles, readings, condition, sites)


def document(records: Sequence[Record], seed: int) -> dict[str, object]:
    """All records as plain data, with what they rest on."""
    return {"seed": seed, "intervals": METHOD, "records": [asdict(record) for record in records]}


def _records(bundles: Sequence[Bundle], readings: Campaign, condition: Condition, sites: int) -> Iterator[Record]:
    for bundle in bundles:
        risk = risk_of(bundle.estimator, readings.columns)
        found = estimate(risk, readings.at_risk, readings.site, bundle.card.decision_threshold)
        yield Record(
            bundle=bundle.digest,
            version=bundle.card.version,
            scenario=condition.name,
            strengths={each.name.value: each.strength for each in condition.scenarios},
            since=min((each.since.isoformat() for each in condition.scenarios), default=None),
            begin=condition.period.begin.isoformat(),
            end=condition.period.end.isoformat(),
            sites=sites,
            readings=found.readings,
            at_risk=found.at_risk,
            decided=found.decided,
            precision=round(found.performance.precision, 4),
            precision_interval=_rounded(found.precision),
            recall=round(found.performance.recall, 4),
            recall_interval=_rounded(found.recall),
        )


def _rounded(bounds: Bounds) -> Bounds:
    return Bounds(round(bounds.lowest, 4), round(bounds.highest, 4))
