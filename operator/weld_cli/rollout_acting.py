"""What people tell a rollout: written as an annotation, carried out by the operator, and what came of it."""

from __future__ import annotations

import asyncio
import time
import uuid
from datetime import UTC, datetime

from pydantic import ValidationError

from weld_api.action import RolloutAction, Verb
from weld_api.weld_model import WeldModel, sentence
from weld_cli.failures import CommandError
from weld_cli.rollout_cluster import Access, RolloutCluster, reached
from weld_operator.adapters.cluster import ClusterError
from weld_operator.domain.rollout.acts import refusal
from weld_operator.kinds import Object

LOOK_SECONDS = 0.5
REFUSED = "ActRefused"

DONE: dict[Verb, str] = {
    "promote": "approved: it does not wait for anybody any more; its gates must still pass, none is skipped",
    "pause": "paused: its clocks stand, its share of the requests stays; a gate that fails still rolls it back",
    "resume": "resumed: it goes on where it was",
    "abort": "aborted: it is rolled back now, and not tried again until the spec asks for another bundle",
    "retry": "begun anew: what was found before does not count",
}


async def act(verb: Verb, name: str, why: str, access: Access, seconds: float) -> str:
    """Tell it, wait for so many seconds at the most, and give what came of it in a sentence. Raises CommandError."""
    async with reached(access) as (cluster, namespace):
        model = await cluster.model(namespace, name)
        action = _action(verb, why, model, await cluster.user())
        await cluster.act(namespace, name, action)
        after = await _taken_up(cluster, namespace, action, name, seconds)
        if not _is_carried_out(action, after):
            raise CommandError(await _refusal(cluster, action, namespace, name))
    return f"Version {_version(model)} is {DONE[verb]} (by {action.by}: {action.why})"


def _action(verb: Verb, why: str, model: WeldModel, user: str) -> RolloutAction:
    """About the candidate that is there; refused before anything is written where it makes no sense now."""
    state = model.status.rollout
    refused = refusal(verb, state)
    if refused or state is None:
        raise CommandError(refused)
    if model.spec.rollout is None:
        raise CommandError(f"{verb} was refused: spec.rollout is gone, nothing is tried any more")
    try:
        return RolloutAction(
            id=uuid.uuid4().hex, verb=verb, digest=state.digest, by=user, why=why, at=datetime.now(UTC)
        )
    except ValidationError as error:
        raise CommandError(f"{verb} was refused: {sentence(error)}") from error


async def _taken_up(
    cluster: RolloutCluster, namespace: str, action: RolloutAction, name: str, seconds: float
) -> WeldModel:
    """The WeldModel once the operator has carried it out or refused it."""
    until = time.monotonic() + seconds
    while True:
        model = await cluster.model(namespace, name)
        if model.status.last_action == action.id:
            return model
        if time.monotonic() >= until:
            raise CommandError(
                f"{action.verb} is written, but no operator has taken it up within {seconds:g} s: does one run? "
                "It is carried out when one does, if the same candidate is there"
            )
        await asyncio.sleep(LOOK_SECONDS)


def _is_carried_out(action: RolloutAction, model: WeldModel) -> bool:
    """By what only a carried out act leaves behind."""
    status, state = model.status, model.status.rollout
    ended_by_it = any(each.by is not None and each.by.at == action.at for each in status.history)
    match action.verb:
        case "promote":
            return ended_by_it or (state is not None and state.approval is not None and state.approval.at == action.at)
        case "pause":
            return state is not None and state.phase == "Paused"
        case "resume":
            return state is None or state.phase != "Paused"
        case "abort":
            return ended_by_it
        case "retry":
            return all(each.digest != action.digest for each in status.rejected) and (
                state is None or state.phase not in ("RolledBack", "Failed")
            )


async def _refusal(cluster: RolloutCluster, action: RolloutAction, namespace: str, name: str) -> str:
    """The operator's own words, from its Event, which it writes before it says in the status that it is done."""
    ours = f"by {action.by}: {action.why}"
    try:
        events = await cluster.events(namespace, name)
    except ClusterError:
        events = []
    told = [str(each["message"]) for each in events if each.get("reason") == REFUSED and ours in _message(each)]
    return told[-1] if told else f"the operator did not carry out {action.verb}: the trial has moved on meanwhile"


def _message(event: Object) -> str:
    return str(event.get("message", ""))


def _version(model: WeldModel) -> str:
    return model.spec.model.version if model.status.rollout is None else model.status.rollout.version
