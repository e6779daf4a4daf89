"""A WeldModel in several regions, played without any cluster: pure decisions, and what they make of each region."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.unit.operator.cluster_objects import NOW, UID, digest, spec_of
from weld_api import names
from weld_api.action import RolloutAction, Verb
from weld_api.spec import WeldModelSpec
from weld_api.status import RegionStatus, WeldModelStatus
from weld_operator.domain.decision import Decision, decide
from weld_operator.domain.gates.verdict import Verdict
from weld_operator.domain.observation import Observation, RevisionObservation
from weld_operator.domain.regions.asks import Ask
from weld_operator.domain.regions.countries import own_part
from weld_operator.domain.regions.waves import hearers, next_waves
from weld_operator.domain.regions.whole import Part, Whole, memories_of, place_of, whole
from weld_operator.domain.rollout.trial import Happening
from weld_operator.domain.subject import Subject
from weld_operator.kinds import Object

THREE = (("south", 50, ["north"]), ("north", 30, ["south", "west"]), ("west", 20, ["north"]))
"""Regions by name, with their shares and whom they fail over to."""

ROLLOUT: Object = {
    "steps": [{"weight": 50, "hold": "1m"}],
    "gates": [{"name": "errors", "errorRate": {"max": 0.001}}],
    "analysis": {"interval": "10s"},
}


def region(name: str, share: int, failover_to: list[str] | None = None, **changes: Any) -> Object:
    return {
        "name": name,
        "cluster": {"kubeconfigSecret": name},
        "share": share,
        "failoverTo": failover_to or [],
        **changes,
    }


def spec_in_regions(letter: str, regions: list[Object] | None = None, **changes: Any) -> WeldModelSpec:
    """A spec that asks for a bundle in three regions, each of which is a wave."""
    spec = spec_of(letter)
    spec |= {"rollout": copy.deepcopy(ROLLOUT), "regions": regions or [region(*each) for each in THREE]}
    return WeldModelSpec.model_validate(spec | changes)


@dataclass
class Revision:
    """An InferenceService; `weight`: requests of a hundred that it gets."""

    digest: str
    version: str
    desired: int
    available: int = 0
    weight: int = 0


@dataclass
class Region:
    """One region's cluster. Where it is `lost` no replica answers."""

    revisions: dict[str, Revision] = field(default_factory=dict)
    reachable: bool = True
    lost: bool = False

    @property
    def serves(self) -> bool:
        return not self.lost and any(each.available and each.weight for each in self.revisions.values())


@dataclass
class PlayedRegions:
    """The regions, the WeldModel, and the operator that looks at them."""

    spec: WeldModelSpec
    now: datetime = NOW
    status: WeldModelStatus = field(default_factory=WeldModelStatus)
    regions: dict[str, Region] = field(default_factory=dict)
    bad: set[tuple[str, str]] = field(default_factory=set)
    """Regions and bundles (letters) whose gates fail."""
    told: list[Happening] = field(default_factory=list)
    action: RolloutAction | None = None
    generation: int = 1
    country: str = ""

    def ask_for(self, spec: WeldModelSpec) -> None:
        self.spec = spec
        self.generation += 1

    def act(self, verb: Verb, letter: str) -> None:
        self.action = RolloutAction(
            id=f"{verb}-{self.now.isoformat()}", verb=verb, digest=digest(letter), by="ines", why="test", at=self.now
        )

    def look(self, *, is_killed: bool = False) -> Whole:
        """One reconciliation; killed, it writes objects and no status."""
        subject = self._subject(self.status, self.spec)
        spec, elsewhere = own_part(self.spec, self.country)
        memories = memories_of(self.status)
        act = None if self.action is None or self.action.id == self.status.last_action else self.action
        hearing = () if act is None else hearers(memories, act)
        course = next_waves(spec, memories, self.status.wave_failure, act, self.now)
        assert next_waves(spec, memories, self.status.wave_failure, act, self.now) == course
        parts = {}
        for ask in course.asks:
            parts[ask.region] = self._decided(ask, memories.get(ask.region), act if ask.region in hearing else None)
        for name in course.stays:
            parts[name] = self._kept(memories[name])
        result = whole(subject, spec, elsewhere, course, parts, self.now)
        assert whole(subject, spec, elsewhere, course, parts, self.now) == result
        for name in memories.keys() - parts.keys():
            self.regions.pop(name, None)
        if not is_killed:
            self.status = WeldModelStatus.model_validate_json(result.status.model_dump_json(exclude_none=True))
            self.told.extend(result.happenings)
        return result

    def settle(self) -> None:
        """Every replica that can answer does."""
        for place in self.regions.values():
            for revision in place.revisions.values():
                revision.available = 0 if place.lost else revision.desired

    def run(self, times: int, seconds: int = 20) -> None:
        """Look, and let time pass, again and again."""
        for _ in range(times):
            self.look()
            self.settle()
            self.now += timedelta(seconds=seconds)

    def memory(self, name: str) -> RegionStatus:
        return next(each for each in self.status.regions if each.name == name)

    def serving(self) -> dict[str, str]:
        """The letter of the bundle that answers in each region."""
        return {
            name: max(place.revisions.values(), key=lambda each: each.weight).digest[0] if place.revisions else ""
            for name, place in self.regions.items()
        }

    def _subject(self, status: WeldModelStatus, spec: WeldModelSpec | None, region: str = "") -> Subject:
        return Subject(
            name="north-line",
            namespace="plant-a",
            uid=UID,
            generation=self.generation,
            resource_version="1",
            status=status,
            spec=spec,
            fault="" if spec is not None else "it is not known how it was asked for",
            action=None if region else self.action,
            region=region,
        )

    def _decided(self, ask: Ask, memory: RegionStatus | None, act: RolloutAction | None) -> Part:
        place = self.regions.setdefault(ask.region, Region())
        if not place.reachable:
            return Part(None, "connection refused")
        subject = self._subject(place_of(memory), ask.spec, ask.region)
        subject = Subject(**{**vars(subject), "action": act})
        decision = decide(subject, self._observed(ask.region), f"http://{ask.region}.example", self.now)
        self._write(ask.region, decision)
        return Part(decision.status)

    def _kept(self, memory: RegionStatus) -> Part:
        if not self.regions[memory.name].reachable:
            return Part(None, "connection refused")
        subject = self._subject(place_of(memory), None, memory.name)
        return Part(decide(subject, self._observed(memory.name), f"http://{memory.name}.example", self.now).status)

    def _write(self, name: str, decision: Decision) -> None:
        """What the decision asks for is there at once, but for the replicas' readiness."""
        place = self.regions[name]
        for wanted in (decision.stable, decision.candidate):
            if wanted is not None and wanted.spec is not None:
                there = place.revisions.setdefault(wanted.name, Revision(wanted.digest, wanted.spec.model.version, 0))
                there.desired = wanted.min_replicas
                there.available = min(there.available, there.desired)
        for each in place.revisions.values():
            each.weight = 0
        if decision.stable is not None and decision.stable.name in place.revisions:
            place.revisions[decision.stable.name].weight = 100 - decision.weight
        if decision.candidate is not None and decision.candidate.name in place.revisions:
            place.revisions[decision.candidate.name].weight = decision.weight
        place.revisions = {name: each for name, each in place.revisions.items() if name in decision.kept}

    def _observed(self, name: str) -> Observation:
        place = self.regions[name]
        is_tried = any(each.digest == self.spec.model.sha256 for each in place.revisions.values())
        is_bad = (name, self.spec.model.sha256[0]) in self.bad
        verdict = Verdict("errors", "Fail" if is_bad else "Pass", "Measured", "so it is")
        revisions = {key: _seen(key, each, self.now) for key, each in place.revisions.items()}
        weights = {key: each.weight for key, each in place.revisions.items()}
        return Observation(
            revisions,
            weights=weights if any(weights.values()) else None,
            verdicts={"errors": verdict} if is_tried else None,
        )


def _seen(name: str, revision: Revision, now: datetime) -> RevisionObservation:
    ready = revision.available >= revision.desired > 0
    service = {
        "metadata": {
            "name": name,
            "generation": 1,
            "creationTimestamp": now.isoformat(),
            "annotations": {
                names.DIGEST_ANNOTATION: revision.digest,
                names.VERSION_ANNOTATION: revision.version,
            },
        },
        "status": {
            "observedGeneration": 1,
            "conditions": [{"type": "Ready", "status": "True" if ready else "False", "reason": "Played"}],
        },
    }
    deployment = {
        "metadata": {"name": f"{name}-predictor", "generation": 1},
        "spec": {"replicas": revision.desired},
        "status": {
            "observedGeneration": 1,
            "replicas": revision.desired,
            "updatedReplicas": revision.desired,
            "readyReplicas": revision.available,
            "availableReplicas": revision.available,
        },
    }
    return RevisionObservation(service, deployment)
