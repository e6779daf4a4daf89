"""A candidate is tried while sensors stream: shadow, steps, promotion; a bad one is rolled back; no reading is lost."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from scipy.stats import binomtest

from tests.sandbox.kube_api import Object
from tests.sandbox.rig import Rig
from tests.sandbox.rollouts import Course, TriedWeldModel
from tests.sandbox.sensor_stream import Readings, SensorStream, Tally
from tests.sandbox.waiting import wait_for
from tests.sandbox.weld_models import INFERENCE_SERVICES, PODS, bundle_folder
from weld_bundle.loading import load
from weld_bundle.manifest import ESTIMATOR
from weld_bundle.packing import pack_archive

Trained = dict[str, tuple[Path, str]]

STABLE, BETTER, ANXIOUS = "1.0.0", "1.1.0", "1.2.0"
GATEWAYS = 20
ENDS_WITHIN_SECONDS = 240
CONFIDENCE = 0.9999
"""Of the interval of a step's share: one test in ten thousand fails by chance."""

ERRORS: Object = {"name": "errors", "errorRate": {"max": 0.05, "minSamples": 50}}
SPEED: Object = {"name": "speed", "latency": {"quantile": 0.9, "max": "5s", "minSamples": 50}}
AGREEMENT: Object = {"name": "agreement", "disagreement": {"max": 0.1, "minSamples": 5000}}
TRIAL: Object = {
    "shadow": {"for": "4s", "minReadings": 5000},
    "steps": [{"weight": 20, "hold": "8s"}, {"weight": 50, "hold": "8s"}],
    "gates": [ERRORS, SPEED, AGREEMENT],
    "deadline": {"per": "3m", "then": "Rollback"},
    "analysis": {"interval": "2s"},
}


@pytest.fixture(scope="module")
async def anxious(rig: Rig, trained: Trained) -> str:
    """Digest of a bundle that calls nearly every weld at risk: its threshold is wrong."""
    folder = trained[BETTER][0]
    card = load(folder).card.model_copy(update={"version": ANXIOUS, "decision_threshold": 0.0001})
    target = bundle_folder(rig.bundles, ANXIOUS)
    return await asyncio.to_thread(pack_archive, (folder / ESTIMATOR).read_bytes(), card, target)


async def test_a_better_bundle_goes_shadow_canary_promoted(rig: Rig, trained: Trained, readings: Readings) -> None:
    model = TriedWeldModel(rig, "plant-a", "bettered")
    await model.ask(STABLE, trained[STABLE][1], TRIAL)
    await model.until_stable(STABLE)
    async with (
        SensorStream(model.endpoint, readings, gateways=GATEWAYS).streaming() as tally,
        model.observed(tally) as course,
    ):
        await _until_answered(tally, STABLE)
        await model.ask(BETTER, trained[BETTER][1], TRIAL)
        await _until_phase(course, "Canary")
        before = await _starts(model)
        await model.until_stable(BETTER)
        after = await _starts(model)
        await _until_answered(tally, BETTER, more=1000)
        body = await model.until_stable(BETTER, alone=True)
    tally.assert_complete()
    assert course.places == ["Shadow 0", "Canary 1", "Canary 2", "Promoting 2", "Idle 2"]
    assert set(course.answered_in("Shadow 0")) == {STABLE}
    requests = len(readings.sensor_ids) // GATEWAYS
    for place, weight in (("Canary 1", 20), ("Canary 2", 50)):
        _assert_share(course.answered_in(place), weight, requests)
    assert before == {uid: after[uid] for uid in before}, "promotion replaces and restarts no Pod"
    (past,) = body["status"]["history"]
    assert (past["version"], past["outcome"]) == (BETTER, "Promoted")
    assert all(each["verdict"] == "Pass" for each in body["status"]["rollout"]["evidence"])
    await model.delete()


async def test_a_bad_bundle_is_rolled_back_and_the_reason_has_its_numbers(
    rig: Rig, trained: Trained, readings: Readings, anxious: str
) -> None:
    # The gate is the second step's, so that sensors get the bad bundle's answers before it is found out.
    steps = [TRIAL["steps"][0], TRIAL["steps"][1] | {"gates": [AGREEMENT]}]
    trial = TRIAL | {"steps": steps, "gates": [ERRORS, SPEED]}
    model = TriedWeldModel(rig, "plant-a", "worsened")
    await model.ask(STABLE, trained[STABLE][1], trial)
    await model.until_stable(STABLE)
    async with (
        SensorStream(model.endpoint, readings, gateways=GATEWAYS).streaming() as tally,
        model.observed(tally) as course,
    ):
        await _until_answered(tally, STABLE)
        await model.ask(ANXIOUS, anxious, trial)
        await _until_phase(course, "RolledBack")
        body = await model.until_stable(STABLE, alone=True)
        last_bad = tally.by_version[ANXIOUS]
        await _until_answered(tally, STABLE, more=5000)
        assert tally.by_version[ANXIOUS] == last_bad, "nothing goes to a bundle that was rolled back"
    tally.assert_complete()
    assert last_bad > 0
    assert course.places == ["Shadow 0", "Canary 1", "Canary 2", "RollingBack 2", "RolledBack 2"]
    (rejected,) = body["status"]["rejected"]
    assert (rejected["digest"], rejected["reason"]) == (anxious, "GateFailed")
    (evidence,) = [each for each in body["status"]["rollout"]["evidence"] if each["gate"] == "agreement"]
    assert evidence["verdict"] == "Fail"
    assert evidence["lower"] > AGREEMENT["disagreement"]["max"]
    assert "agreement" in rejected["message"]
    assert any(character.isdigit() for character in rejected["message"])
    assert len(await model.owned(INFERENCE_SERVICES)) == 1
    await model.delete()


@pytest.mark.parametrize("then", ["Rollback", "Hold"])
async def test_a_candidate_without_traffic_waits_for_its_deadline(rig: Rig, trained: Trained, then: str) -> None:
    """Nothing streams, so that there is no evidence."""
    patience = timedelta(seconds=12)
    trial: Object = {
        "steps": [{"weight": 50, "hold": "2s"}],
        "gates": [ERRORS],
        "deadline": {"per": "12s", "then": then},
        "analysis": {"interval": "1s"},
    }
    model = TriedWeldModel(rig, "plant-a", f"unheard-{then.lower()}")
    await model.ask(STABLE, trained[STABLE][1], trial)
    await model.until_stable(STABLE)
    async with model.observed(Tally()) as course:
        await model.ask(BETTER, trained[BETTER][1], trial)
        expected = "RolledBack" if then == "Rollback" else "Canary"
        await wait_for(
            model.body,
            lambda body: _is_over(body, expected, "DeadlineExceeded" if then == "Rollback" else "DeadlinePassed"),
            seconds=ENDS_WITHIN_SECONDS,
            what=f"what {then} says",
        )
        ended = datetime.now(UTC)
    body = await model.body()
    assert body["status"]["stable"]["version"] == STABLE
    waited = next(moment for moment in course.moments if moment.phase == "Canary")
    began = datetime.fromisoformat(waited.rollout["since"])
    assert ended >= began + patience
    assert "Promoting" not in {moment.phase for moment in course.moments}
    if then == "Hold":
        assert course.places == ["Canary 1"]
        assert not body["status"].get("rejected")
    else:
        assert course.places[0] == "Canary 1"
        assert [each["version"] for each in body["status"]["rejected"]] == [BETTER]
    await model.delete()


def _is_over(body: Object, phase: str, reason: str) -> bool:
    rollout = body["status"].get("rollout", {})
    return (rollout.get("phase"), rollout.get("reason")) == (phase, reason)


def _assert_share(answered: dict[str, int], weight: int, readings_each: int) -> None:
    """The share of requests is the weight's, but for chance."""
    requests = {version: count // readings_each for version, count in answered.items()}
    candidate, total = requests[BETTER], sum(requests.values())
    interval = binomtest(candidate, total).proportion_ci(CONFIDENCE)
    assert interval.low <= weight / 100 <= interval.high, f"{candidate} of {total} at {weight} %"


async def _until_phase(course: Course, phase: str) -> None:
    async def places() -> list[str]:
        return course.places

    await wait_for(
        places,
        lambda seen: any(place.startswith(f"{phase} ") for place in seen),
        seconds=ENDS_WITHIN_SECONDS,
        what=phase,
    )


async def _until_answered(tally: Tally, version: str, more: int = 1) -> None:
    before = tally.by_version[version]

    async def answered() -> int:
        return tally.by_version[version] - before

    await wait_for(answered, lambda count: count >= more, seconds=60, what=f"{more} answers of {version}")


async def _starts(model: TriedWeldModel) -> dict[str, int]:
    """How often the predictor in each Pod was started again, by the Pod's uid."""
    return {
        pod["metadata"]["uid"]: sum(each["restartCount"] for each in pod["status"].get("containerStatuses", []))
        for pod in await model.owned(PODS)
    }
