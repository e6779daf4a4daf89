"""What `weldserve rollout plan` prints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from weld_api.quantity import parse_duration
from weld_api.rollout import Rollout
from weld_cli.rollout_file import PlannedModel
from weld_cli.rollout_table import aligned
from weld_cli.rollout_waves import waves_as_json, waves_in_words
from weld_operator.domain.rollout.preview import Outlook, Preview, Prospect, preview
from weld_operator.domain.rollout.wording import roughly, time_in_words

_MARKS: dict[Prospect, str] = {"AfterHold": " *", "Doubtful": " !", "Impossible": " !!"}


def plan_as_json(model: PlannedModel) -> dict[str, Any]:
    """The plan for programs; times in seconds, `plan` null where there is no trial."""
    found = preview(model.spec)
    plan = None if found is None else asdict(found, dict_factory=_plain)
    if plan is not None and found is not None and model.spec.regions:
        plan["waves"] = waves_as_json(model.spec, found)
    return {"namespace": model.namespace, "name": model.name, "version": model.spec.model.version, "plan": plan}


def plan_in_words(model: PlannedModel) -> Iterator[str]:
    """The plan for people, line by line."""
    found, rollout = preview(model.spec), model.spec.rollout
    rate = float(model.spec.workload.readings_per_second)
    yield f"{model}: version {model.spec.model.version}, at {rate:,.10g} readings/s"
    if found is None or rollout is None:
        yield "  There is no spec.rollout: it answers as soon as it is ready, untried"
        return
    parts = (_stages(found, rollout), _conditions(found), _reckoning(found), _course(found, rollout))
    for part in (*parts, *([waves_in_words(model.spec, found)] if model.spec.regions else [])):
        yield from ("", *(f"  {line}" for line in part))
    if found.warnings:
        yield ""
    yield from (f"  Warning: {warning}" for warning in found.warnings)


def _stages(found: Preview, rollout: Rollout) -> Iterator[str]:
    for stage in found.stages:
        if stage.weight:
            what = f"{stage.weight:3} % of requests are answered by it"
        else:
            share = 100 if rollout.shadow is None else rollout.shadow.share
            what = f"  0 %: scores {share} % of what stable has scored, and its answers go nowhere"
        yield f"{stage.name:<13} {what}, for {time_in_words(stage.hold)} at the least"
    after = "as soon as somebody approves" if rollout.approval == "Manual" else "by itself"
    yield f"{'promotion':<13} 100 %, {after}, once it has the replicas for it"


def _conditions(found: Preview) -> Iterator[str]:
    """What must be met to go on, each condition once."""
    asked = {each.name: each for stage in found.stages for each in stage.conditions}
    if not asked:
        yield "Nothing must be met to go on but the time."
        return
    yield "To go on from each:"
    width = max(len(name) for name in asked)
    for name, each in asked.items():
        yield f"  {name:<{width}}  {each.asks}{_numbers(each)}{_where(name, found)}"


def _numbers(outlook: Outlook) -> str:
    """The floor, and about how many samples show that it is met where these are more."""
    if outlook.floor is None:
        return ""
    shown = outlook.needed is not None and outlook.needed > outlook.floor
    needs = f", about {float(f'{outlook.needed:.2g}'):,.0f} to show it" if shown else ""
    return f" (floor: {outlook.floor:,} {outlook.of}{needs})"


def _where(name: str, found: Preview) -> str:
    """The stages that ask for it, where not all do."""
    stages = [stage.name for stage in found.stages if any(each.name == name for each in stage.conditions)]
    return "" if len(stages) == len(found.stages) else f", {' and '.join(stages)} only"


def _reckoning(found: Preview) -> Iterator[str]:
    """A table: how long it takes in each stage to count what each condition needs."""
    reckoned = [{each.name: each for each in stage.conditions if each.floor is not None} for stage in found.stages]
    names = list(dict.fromkeys(name for stage in reckoned for name in stage))
    if not names:
        return
    yield "If nothing is amiss, each has counted enough after (one reading in each request - a whole tick in each):"
    heading = ["", *(f"{stage.weight} %" if stage.weight else stage.name for stage in found.stages)]
    rows = [[name, *(_cell(stage.get(name)) for stage in reckoned)] for name in names]
    yield from (f"  {line}" for line in aligned([heading, *rows]))
    marks = {_MARKS.get(each.prospect, "") for stage in reckoned for each in stage.values()}
    if " *" in marks:
        yield "  * perhaps after the hold, which is then waited for"


def _cell(outlook: Outlook | None) -> str:
    if outlook is None:
        return ""
    if outlook.soonest is None or outlook.latest is None:
        return "never !!" if outlook.prospect == "Impossible" else "?"
    soonest, latest = roughly(outlook.soonest), roughly(outlook.latest)
    times = soonest if soonest == latest else f"{soonest} - {latest}"
    return f"{times}{_MARKS.get(outlook.prospect, '')}"


def _course(found: Preview, rollout: Rollout) -> Iterator[str]:
    interval, per = (time_in_words(parse_duration(each)) for each in (rollout.analysis.interval, rollout.deadline.per))
    yield f"Gates are judged every {interval}; one that fails rolls it back at once."
    stays = "it stays where it is, until evidence comes or somebody acts"
    then = "it is rolled back" if rollout.deadline.then == "Rollback" else stays
    yield f"Where evidence is still missing {per} after a hold, {then}."
    yield f"Promoted {time_in_words(found.soonest)} after it is ready, at the soonest."
    if found.at_latest is not None:
        yield f"Decided {time_in_words(found.at_latest)} after it is asked for, at the latest (pauses not counted)."
    yield "The first version of a WeldModel has nothing to be compared with, and answers as soon as it is ready."


def _plain(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value.total_seconds() if isinstance(value, timedelta) else value for name, value in fields}
