"""When gates are measured, what of it reaches a decision, and what a bad source cannot do."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.operator.clocks import HandClock
from tests.unit.operator.cluster_objects import NOW, remembered, subject
from tests.unit.operator.played_metrics import PlayedMetrics
from tests.unit.operator.rollouts import ROLLOUT
from weld_api.metric_names import SHADOW_READINGS
from weld_api.rollout import Rollout
from weld_api.rollout_status import RolloutStatus
from weld_api.shadow import SHADOW_LABEL_LENGTH
from weld_operator import measuring
from weld_operator.domain.gates.measurement import Counter
from weld_operator.domain.subject import Subject
from weld_operator.kinds import Key
from weld_operator.measuring import Measuring


def _tried(**state: Any) -> Subject:
    """`b` in the shadow of `a`, measured since now."""
    about = subject("b", remembered("a", "Stable"), remembered("b", "Pending"))
    assert about.spec is not None
    spec = about.spec.model_copy(update={"rollout": Rollout.model_validate(ROLLOUT)})
    trial = RolloutStatus(
        phase="Shadow", digest="b" * 64, version="11.0.0", steps=2, started=NOW, since=NOW, measured_from=NOW
    ).model_copy(update=state)
    status = about.status.model_copy(update={"rollout": trial})
    return Subject(**{**vars(about), "spec": spec, "status": status})


class _Site:
    def __init__(self) -> None:
        self.source = PlayedMetrics()
        self.clock = HandClock()
        self.noticed: list[Key] = []
        self.measuring = Measuring(self.source, self.clock, self.noticed.append)

    async def answers(self) -> None:
        await self.measuring.until_answered()
        await asyncio.sleep(0)


async def test_what_is_due_is_asked_beside_and_judged_when_called_again() -> None:
    site = _Site()
    assert site.measuring.look(_tried()).verdicts is None
    await site.answers()
    assert site.noticed == [_tried().key]
    measured = site.measuring.look(_tried())
    assert measured.verdicts is not None
    assert {name: each.verdict for name, each in measured.verdicts.items()} == {"errors": "Pass", "agreement": "Pass"}
    assert measured.compared == 100_000
    again = site.measuring.look(_tried(looked_at=NOW))
    assert (again.verdicts, again.compared) == (None, 100_000)


@pytest.mark.parametrize(
    ("state", "seconds", "asks"),
    [
        ({"looked_at": NOW}, 9, False),
        ({"looked_at": NOW}, 10, True),
        ({"looked_at": NOW + timedelta(seconds=55)}, 59, False),
        ({"looked_at": NOW + timedelta(seconds=55)}, 60, True),
        ({"measured_from": None}, 100, False),
        ({"phase": "Paused", "paused_in": "Shadow"}, 100, True),
        ({"phase": "RollingBack"}, 100, False),
        ({"digest": "c" * 64}, 100, False),
    ],
    ids=["too early", "due", "before its hold ends", "when its hold ends", "not measured", "paused", "going", "other"],
)
async def test_gates_are_due_by_their_interval_and_when_a_hold_ends(
    state: dict[str, Any], seconds: float, asks: bool
) -> None:
    site = _Site()
    site.clock.advance(seconds)
    site.measuring.look(_tried(**state))
    await site.answers()
    assert bool(site.source.asked) == asks


async def test_the_shadow_s_readings_are_counted_since_the_measuring_began() -> None:
    site = _Site()
    site.measuring.look(_tried())
    await site.answers()
    ((asked, since),) = site.source.asked
    assert since == NOW
    labels = {each.matching for each in asked if isinstance(each, Counter) and each.metric == SHADOW_READINGS}
    assert (("candidate", "b" * SHADOW_LABEL_LENGTH),) in labels


async def test_answers_about_another_phase_are_not_used() -> None:
    site = _Site()
    site.measuring.look(_tried())
    await site.answers()
    site.clock.advance(60)
    later = _tried(phase="Canary", step=1, measured_from=NOW + timedelta(seconds=60))
    assert site.measuring.look(later).verdicts is None
    await site.answers()
    assert site.measuring.look(later).verdicts is not None


async def test_one_look_at_a_time() -> None:
    site = _Site()
    site.source.is_stuck = True
    for _ in range(5):
        site.measuring.look(_tried())
        await asyncio.sleep(0)
        site.clock.advance(60)
    assert len(site.source.asked) == 1
    site.measuring.forget(_tried().key)
    await asyncio.sleep(0)
    assert site.noticed == []


async def test_a_source_that_breaks_is_a_lack_of_evidence() -> None:
    site = _Site()
    site.source.is_broken = True
    site.measuring.look(_tried())
    await site.answers()
    measured = site.measuring.look(_tried())
    assert measured.verdicts is not None
    assert {each.verdict for each in measured.verdicts.values()} == {"InsufficientEvidence"}
    assert measured.compared == 0


async def test_a_source_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "PATIENCE_SECONDS", 0.0)
    site = _Site()
    site.source.is_stuck = True
    site.measuring.look(_tried())
    await site.answers()
    measured = site.measuring.look(_tried())
    assert measured.verdicts is not None
    assert "no answer within" in measured.verdicts["errors"].message


@pytest.mark.parametrize(("mode", "asks_pods"), [("Standard", False), ("Knative", True)])
async def test_where_pods_are_not_named_by_their_revision_they_are_asked_themselves(mode: str, asks_pods: bool) -> None:
    named, pods = PlayedMetrics(), PlayedMetrics()
    asking = Measuring(named, HandClock(), lambda _: None, pods=pods)
    about = _tried()
    assert about.spec is not None
    serving = about.spec.serving.model_copy(update={"mode": mode})
    asking.look(Subject(**{**vars(about), "spec": about.spec.model_copy(update={"serving": serving})}))
    await asking.until_answered()
    assert [bool(named.asked), bool(pods.asked)] == [not asks_pods, asks_pods]
