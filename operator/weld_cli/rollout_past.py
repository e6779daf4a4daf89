"""What `weldserve rollout history` and `weldserve rollout explain` print."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from weld_api.rollout_status import PastTrial
from weld_api.weld_model import WeldModel
from weld_cli.rollout_table import aligned
from weld_operator.domain.rollout.explanation import explain
from weld_operator.domain.rollout.wording import time_in_words
from weld_operator.kinds import Object

TOLD = frozenset({"Act", "ActRefused"})
"""Events of people's acts; beside them those whose reason names a trial."""

_OF_TRIALS = ("Trial", "RollingBack", "RolledBack", "AwaitingApproval", "Gate")


def history(model: WeldModel, events: Sequence[Object] | None) -> Iterator[str]:
    """Trials that are over, then what Events still tell; None where these could not be read."""
    named = f"WeldModel {model.metadata.namespace}/{model.metadata.name}"
    past = model.status.history
    if not past:
        yield f"{named}: no trial is over yet"
    else:
        yield f"{named}: trials that are over, the newest last"
        heading = ["version", "outcome", "began", "took", "ended by", "because"]
        yield from (f"  {line}" for line in aligned([heading, *(_row(each) for each in past)], left=len(heading)))
    for each in model.status.rejected:
        yield f"  Version {each.version} is rejected since {_moment(each.at)}, until the spec asks for another bundle"
    if events is None:
        yield "Events cannot be read"
        return
    told = [each for each in events if _is_of_a_trial(str(each.get("reason", "")))]
    if told:
        yield "What Events still tell:"
    for event in told:
        yield f"  {event.get('lastTimestamp') or '':<20}  {event.get('reason', ''):<18}  {event.get('message', '')}"


def explanation(model: WeldModel, now: datetime) -> Iterator[str]:
    """Why it has not moved."""
    about = model.metadata
    said = explain(about.name, about.generation, model.spec, model.status, now)
    yield f"{said.where}."
    yield from (f"- {each}." for each in said.waits_for)
    yield from (f"{each}." for each in (said.deadline, said.act) if each)


def _row(trial: PastTrial) -> list[str]:
    by = "the operator" if trial.by is None else f"{trial.by.by} ({trial.by.verb}: {trial.by.why})"
    took = time_in_words(trial.ended - trial.started)
    return [trial.version, trial.outcome, _moment(trial.started), took, by, trial.message]


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _is_of_a_trial(reason: str) -> bool:
    return reason in TOLD or reason.startswith(_OF_TRIALS)
