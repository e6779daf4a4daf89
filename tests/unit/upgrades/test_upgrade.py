"""An upgrade from the last release: what it would do to a running fleet and to clients is decided on, or nothing."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.releases import report
from tests.releases.changes import ABSENT, Accepted, Effect, accepted_changes, differences, undecided
from tests.releases.fleet import EVERYTHING, EXAMPLES, IN_REGIONS, INSTEAD, samples
from tests.releases.golden import Recorded, fleet_of, last_release, taken_over, write_release
from tests.releases.playing import stored
from weld_api.crd import custom_resource_definition
from weld_api.status import WeldModelStatus
from weld_operator.desired import inference_service, metadata
from weld_operator.domain.revisions import frozen_spec
from weld_operator.kinds import Object

RELEASE = last_release()
FLEET = {each.name: each for each in fleet_of(RELEASE)}


async def test_whatever_an_upgrade_disturbs_is_decided_on() -> None:
    found = await report.faults(RELEASE)
    assert not found, "\n".join(
        [
            f"an upgrade from {RELEASE} would do this, which tests/releases/changes.yaml does not give a reason for:",
            *found,
        ]
    )


@pytest.mark.parametrize("name", FLEET)
async def test_an_upgrade_alone_is_no_news(name: str) -> None:
    _, told = await taken_over(FLEET[name])
    assert told == []


@pytest.mark.parametrize("name", FLEET)
async def test_the_operator_s_memory_outlives_an_upgrade(name: str) -> None:
    """The status that the last release wrote is the only place where its revisions are kept."""
    before = FLEET[name].weld_model["status"]
    status = WeldModelStatus.model_validate(before)
    now = status.model_dump(mode="json", exclude_none=True)
    assert {field: now[field] for field in before} == before
    assert all(frozen_spec(revision) is not None for revision in status.revisions)
    after, _ = await taken_over(FLEET[name])
    assert after.weld_model["status"]["revisions"] == before["revisions"]
    assert after.weld_model["status"]["phase"] == before["phase"]


def test_the_last_release_is_not_younger_than_the_product() -> None:
    product = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]["version"]
    assert _numbers(RELEASE) <= _numbers(product)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def test_what_a_release_leaves_is_recorded_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tests.releases.golden.FOLDER", tmp_path)
    fleet = list(FLEET.values())
    assert len(list(write_release("0.2.0", fleet))) == len(fleet) + 1
    assert sorted(fleet_of("0.2.0"), key=lambda each: each.name) == sorted(fleet, key=lambda each: each.name)
    assert last_release() == "0.2.0"
    with pytest.raises(FileExistsError):
        list(write_release("0.2.0", fleet))


def test_the_fleet_has_every_field_of_the_spec() -> None:
    schema = custom_resource_definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    for path, default in _fields(schema, ()):
        values = list(_values(path))
        assert values, f"tests/releases/fleet.py: EVERYTHING lacks {'.'.join(path)}"
        if path not in (("serving", "mode"), ("serving", "traffic")):  # the others are played by their own contract
            assert default not in values, f"tests/releases/fleet.py: EVERYTHING has the default of {'.'.join(path)}"


def _values(path: tuple[str, ...]) -> Iterator[Any]:
    """What EVERYTHING has at `path`, or where that is excluded, INSTEAD or IN_REGIONS."""
    for spec in (EVERYTHING, INSTEAD, IN_REGIONS):
        value: Any = spec
        for part in path:
            value = value.get(part, {})
        if value:
            yield value
            return


def _fields(schema: Object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], object]]:
    """Each leaf of a schema, and its default."""
    for name, child in schema["properties"].items():
        if "properties" in child:
            yield from _fields(child, (*path, name))
        else:
            yield (*path, name), child.get("default")


def test_the_fleet_has_every_example_and_every_phase() -> None:
    names = [sample.name for sample in samples()]
    assert len(names) == len(set(names)) >= 6 + len(list(EXAMPLES.glob("*.yaml")))
    phases = {each["phase"] for recorded in FLEET.values() for each in recorded.weld_model["status"]["revisions"]}
    assert phases == {"Pending", "Stable", "Retiring"}


async def _faults(monkeypatch: pytest.MonkeyPatch, *accepted: str) -> list[str]:
    """With what this release accepts, and these fields."""
    more = {"objects": [Accepted(field, "for this test") for field in accepted]}
    monkeypatch.setattr(report, "accepted_changes", lambda part: accepted_changes(part) + more.get(part, []))
    return await report.faults(RELEASE)


async def test_an_accident_is_told_for_each_model_that_it_would_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inference_service, "GRACE_MARGIN", timedelta(seconds=25))
    found = await _faults(monkeypatch)
    sentence = "restarts the pods of InferenceService {}: spec.predictor.terminationGracePeriodSeconds was 30, is 40"
    assert sentence.format("north-line-00000000") in found
    assert sentence.format("changing-dddddddd") in found
    assert not any("changing-bbbbbbbb" in each for each in found), "one that retires is left as it is"
    assert len(found) == len(FLEET) + 1


async def test_a_decision_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inference_service, "GRACE_MARGIN", timedelta(seconds=25))
    field = "InferenceService spec.predictor.terminationGracePeriodSeconds"
    assert await _faults(monkeypatch, field) == []
    assert await _faults(monkeypatch, field, "PodDisruptionBudget spec") == [
        "changes.yaml accepts 'PodDisruptionBudget spec', which does not change"
    ]


async def test_what_is_no_longer_written_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    made = metadata.metadata

    def without_a_label(*of: Any) -> Object:
        about = made(*of)
        del about["labels"]["app.kubernetes.io/managed-by"]
        return about

    monkeypatch.setattr(inference_service, "metadata", without_a_label)
    found = await _faults(monkeypatch)
    assert len(found) == len(FLEET) + 1
    assert all("metadata.labels.app.kubernetes.io/managed-by was 'weldserve', is gone" in each for each in found)


async def test_revisions_keep_their_names_when_names_are_made_in_another_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weld_operator.domain.revisions.revision_name", lambda model, digest: f"{model}-{digest[:9]}")
    assert await _faults(monkeypatch) == []


async def test_what_exists_is_adopted_when_the_status_is_lost() -> None:
    recorded = FLEET["least"]
    forgotten = copy.deepcopy(recorded.weld_model)
    forgotten["status"]["revisions"] = []
    after, _ = await taken_over(Recorded(recorded.target, forgotten, recorded.objects))
    assert not undecided(differences(recorded.objects, after.objects), accepted_changes("objects"))


async def test_the_report_tells_the_worst_first(monkeypatch: pytest.MonkeyPatch) -> None:
    assert report.report(RELEASE, [], []).endswith("and the definition takes all that it took")
    monkeypatch.setattr(inference_service, "GRACE_MARGIN", timedelta(seconds=25))
    monkeypatch.setattr("weld_operator.desired.traffic.routes.PREDICTOR_SERVICE_PORT", 8080)
    changes = await report.changes_since(RELEASE)
    lines = report.report(RELEASE, changes, []).splitlines()
    assert lines[0] == f"An upgrade from {RELEASE}:"
    order = [next(effect for effect in Effect if line.startswith(f"- {effect}")) for line in lines[1:]]
    assert set(order) == {Effect.RESTARTS, Effect.REWRITES}
    assert order == sorted(order, key=list(Effect).index)


def test_the_recorded_specs_are_as_the_api_server_keeps_them() -> None:
    for recorded in FLEET.values():
        now = {**recorded.weld_model, "spec": stored(recorded.weld_model["spec"])}
        changed = differences([recorded.weld_model], [now])
        assert not [str(each) for each in changed if each.was is not ABSENT], "but for fields that are new since"
