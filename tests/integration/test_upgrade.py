"""The present operator takes over the fleet that the last release left, in a real API server, and touches nothing."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.integration.operator_rights import USER
from tests.integration.played_site import NAMESPACE, ROOT, PlayedSite, place
from tests.releases.changes import differences
from tests.releases.fleet import TARGET
from tests.releases.golden import Recorded, definition_of, fleet_of, last_release, taken_over
from tests.releases.playing import kind_of
from tests.sandbox.apply import install_manifests
from tests.sandbox.audit import WRITE_VERBS, audit_events
from tests.sandbox.kube_api import Object, path_of
from tests.sandbox.waiting import wait_for
from tests.unit.operator.cluster_objects import NOW
from weld_api.names import FIELD_MANAGER
from weld_operator.kinds import OWNED_KINDS, WELD_MODEL

RELEASE = last_release()
FLEET = [recorded for recorded in fleet_of(RELEASE) if recorded.target == TARGET]
LOOKED_WITHIN_SECONDS = 30
QUIET_SECONDS = 5

Place = tuple[str, str]


@pytest.fixture(scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PlayedSite]:
    """A cluster as the last release left it, in which the definitions were upgraded, and the operator not yet."""
    async with PlayedSite.start(tmp_path_factory.mktemp("upgrade"), definition=definition_of(RELEASE)) as site:
        for recorded in FLEET:
            await _leave(site, recorded)
        await install_manifests(site.api, ROOT / "manifests" / "crd")
        yield site


async def _leave(site: PlayedSite, recorded: Recorded) -> None:
    """Write what the release wrote: the WeldModel, its objects, its status; KServe's part is played."""
    body = copy.deepcopy(recorded.weld_model)
    status = body.pop("status")
    del body["metadata"]["uid"]
    made = await site.api.apply(place(WELD_MODEL, recorded.name), body, manager="a-user")
    for each in recorded.objects:
        each = copy.deepcopy(each)
        each["metadata"]["ownerReferences"][0]["uid"] = made["metadata"]["uid"]
        await site.api.apply(place(kind_of(each), each["metadata"]["name"]), each, manager=FIELD_MANAGER)
    for name, replicas in recorded.ready.items():
        await site.serve(name, replicas)
    written = {**body, "status": _as_of_now(status, made["metadata"]["generation"])}
    del written["spec"]
    await site.api.apply(f"{place(WELD_MODEL, recorded.name)}/status", written, manager=FIELD_MANAGER)


def _as_of_now(status: Any, generation: int) -> Any:
    """The same status, written a moment ago about this generation."""
    if isinstance(status, dict):
        return {
            name: generation if name == "observedGeneration" else _as_of_now(value, generation)
            for name, value in status.items()
        }
    if isinstance(status, list):
        return [_as_of_now(value, generation) for value in status]
    recorded, now = (moment.strftime("%Y-%m-%dT%H:%M:%SZ") for moment in (NOW, datetime.now(UTC)))
    return now if status == recorded else status


async def _versions(site: PlayedSite) -> dict[Place, tuple[str, str, int]]:
    """Of each WeldModel and each object of ours: uid, resourceVersion and generation."""
    found: dict[Place, tuple[str, str, int]] = {}
    for kind in (WELD_MODEL, *OWNED_KINDS):
        for body in await site.api.list(path_of(kind.api_version, kind.plural, NAMESPACE)):
            about = body["metadata"]
            found[kind.name, about["name"]] = (about["uid"], about["resourceVersion"], about.get("generation", 0))
    return found


async def _expected_to_change() -> set[Place]:
    """What the comparison of the recorded files says that the present code changes."""
    expected: set[Place] = set()
    for recorded in FLEET:
        after, _ = await taken_over(recorded)
        expected |= {(change.kind, change.name) for change in differences(recorded.objects, after.objects)}
        if after.weld_model["status"] != recorded.weld_model["status"]:
            expected.add((WELD_MODEL.name, recorded.name))
    return expected


def _writes(site: PlayedSite) -> list[Object]:
    return [event for event in audit_events(site.plane.audit_log, user=USER) if event["verb"] in WRITE_VERBS]


def _applied(site: PlayedSite) -> set[Place]:
    """The objects of ours that the operator has applied."""
    kinds = {kind.plural: kind.name for kind in OWNED_KINDS}
    references = [event["objectRef"] for event in _writes(site) if event["objectRef"]["resource"] in kinds]
    return {(kinds[reference["resource"]], reference["name"]) for reference in references}


async def test_a_fleet_is_taken_over_and_nothing_of_it_changes(site: PlayedSite) -> None:
    before = await _versions(site)
    assert len(before) > len(FLEET) * 3
    await site.start_operator("next")

    expected = await _expected_to_change()
    objects = {(kind, name) for kind, name in expected if kind != WELD_MODEL.name}

    async def applied() -> set[Place]:
        return _applied(site)

    await wait_for(applied, lambda seen: seen >= objects, seconds=LOOKED_WITHIN_SECONDS, what="what changes")
    await asyncio.sleep(QUIET_SECONDS)
    after = await _versions(site)
    assert {place for place in before.keys() | after.keys() if before.get(place) != after.get(place)} == expected


async def test_an_upgrade_writes_nothing_of_what_does_not_change(site: PlayedSite) -> None:
    """No object is applied again, no Event is posted, no status written, nothing deleted."""
    changed = {name for _, name in await _expected_to_change()}
    assert _applied(site), "something was changed, so that the operator has looked"
    ours = [event for event in _writes(site) if event["objectRef"]["resource"] != "leases"]
    assert not [event for event in ours if event["objectRef"].get("name") not in changed]
