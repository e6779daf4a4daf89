"""A whole rollout as one run: a first bundle serves, a second one is asked for, and what came of it is recorded."""

from __future__ import annotations

import asyncio
import copy
import difflib
import itertools
import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from tests.integration.played_predictors import Behaviour
from tests.integration.rollout_plant import Plant
from tests.sandbox.fault_proxy.call import Call
from tests.sandbox.fault_proxy.faults import Fault
from tests.sandbox.fault_proxy.proxy import Write
from tests.sandbox.kube_api import Object
from tests.unit.operator.cluster_objects import digest, spec_of
from weld_api.names import API_VERSION, KIND, MODEL_LABEL, predictor_name, revision_name
from weld_operator.kinds import CONFIG_MAP, EVENT, HTTP_ROUTE, INFERENCE_SERVICE, POD_DISRUPTION_BUDGET, WELD_MODEL

Ending = Literal["promotion", "rollback"]

STABLE, GOOD, BAD = "a", "b", "c"
"""The bundles, by the one letter that their digests consist of."""

ENDS_WITHIN_SECONDS = 120
QUIET_SECONDS = 2.5
"""Without a write for so long, it has come to its end: longer than its looks are apart."""

_PERSISTENT = (INFERENCE_SERVICE, POD_DISRUPTION_BUDGET, HTTP_ROUTE, CONFIG_MAP)
_UNSTEADY = frozenset(
    {
        *("since", "askedAt", "started", "ended", "at", "lastTransitionTime"),
        *("measuredFrom", "lookedAt", "pausedSeconds", "message", "endpoints"),
    }
)
"""Fields of the status that tell of times, or in words of what was counted in them.

The version of the endpoints is a time, and their digest is of the model's own addresses.
"""


def behaviour(of: str) -> Behaviour:
    """The bad bundle fails to answer a third of its requests."""
    return Behaviour(readings_per_second=200_000, failing=1 / 3 if of == digest(BAD) else 0.0)


def asked(letter: str) -> Object:
    """What the user's YAML asks for: a shadow, and two steps, of which the second looks at errors."""
    spec = spec_of(letter, retireAfter="1s", scaling={"minReplicas": 1})
    errors = {"name": "errors", "errorRate": {"max": 0.01, "minSamples": 100}}
    spec["rollout"] = {
        "shadow": {"for": "1s", "minReadings": 1000},
        "steps": [{"weight": 10, "hold": "1s"}, {"weight": 50, "hold": "1s", "gates": [errors]}],
        "gates": [
            {"name": "speed", "latency": {"max": "1s", "minSamples": 100}},
            {"name": "agreement", "disagreement": {"max": 0.05, "minSamples": 1000}},
        ],
        "deadline": {"per": "10m", "then": "Rollback"},
        "analysis": {"interval": "1s"},
    }
    return spec


@dataclass(frozen=True)
class Record:
    """What came of a run.

    `end`: the status without times, and every object, as JSON text; equal ends have equal texts. `weights`: of the
    candidate, each change of the HTTPRoute. `steps`: phase and step, each change in the status. `promotions`: how often
    the status changed its stable bundle. `events`: how many by reason. `writes`: what each write was about, in order;
    `done`: those of them that the API server did not refuse.
    """

    end: str
    weights: tuple[int, ...]
    steps: tuple[str, ...]
    promotions: int
    events: Counter[str]
    writes: tuple[str, ...]
    done: tuple[str, ...]
    starts: int
    seconds: float

    def differences(self, undisturbed: Record) -> list[str]:
        """In words, whatever must not depend on faults and does."""
        found = []
        for name in ("weights", "steps", "promotions"):
            ours, theirs = getattr(self, name), getattr(undisturbed, name)
            if ours != theirs:
                found.append(f"{name}: {ours} instead of {theirs}")
        if self.end != undisturbed.end:
            theirs, ours = (json.dumps(json.loads(each.end), indent=1).splitlines() for each in (undisturbed, self))
            found.append("end: " + " ".join(difflib.unified_diff(theirs, ours, lineterm="", n=2)))
        repeated = {reason: count for reason, count in self.events.items() if reason in _ONCE and count > 1}
        return [*found, *([f"told more than once: {repeated}"] if repeated else [])]


_ONCE = frozenset({"RevisionPromoted", "RevisionRemoved"})


class Rollout:
    """One run in a plant, of a WeldModel that no other run has had."""

    _numbers = itertools.count(1)

    def __init__(self, plant: Plant, ending: Ending) -> None:
        self.plant = plant
        self.name = f"line-{next(self._numbers):04d}"
        self.candidate = GOOD if ending == "promotion" else BAD
        self._ending = ending

    async def prepare(self) -> None:
        """The first bundle serves, and nothing is written any more."""
        self.plant.proxy.begin()
        await self.ask_for(STABLE)
        await self.plant.until(self.name, _serves, what=f"{self.name} serving", seconds=ENDS_WITHIN_SECONDS)
        await self._until_quiet()

    async def ask_for(self, letter: str, *, manager: str = "a-user") -> None:
        """What a user applies."""
        path = self.plant.place(WELD_MODEL, self.name)
        await self.plant.api.apply(path, self.document(letter), manager=manager)

    def document(self, letter: str) -> Object:
        about = {"name": self.name, "namespace": self.plant.namespace}
        return {"apiVersion": API_VERSION, "kind": KIND, "metadata": about, "spec": copy.deepcopy(asked(letter))}

    async def run(self, *faults: Fault) -> Record:
        """Ask for the candidate, with these faults in the operator's way, and wait for the end."""
        self.plant.proxy.begin(*faults)
        began, starts = time.monotonic(), self.plant.starts
        await self.ask_for(self.candidate)
        await self.until_over()
        self.plant.proxy.faults = ()
        await self.plant.until_ready()
        await self._until_quiet()
        writes = self.plant.proxy.writes
        return Record(
            end=await self._end(),
            weights=tuple(self._weights(writes)),
            steps=tuple(_steps(writes)),
            promotions=sum(before != after for before, after in itertools.pairwise(_stable_bundles(writes))),
            events=await self._events(),
            writes=tuple(self.about(write.call) for write in writes),
            done=tuple(self.about(write.call) for write in writes if write.status < 300),
            starts=self.plant.starts - starts,
            seconds=time.monotonic() - began,
        )

    async def until_over(self) -> None:
        over = self._is_promoted if self._ending == "promotion" else _is_rolled_back
        await self.plant.until(
            self.name, over, what=f"end of the {self._ending} of {self.name}", seconds=ENDS_WITHIN_SECONDS
        )

    async def remove(self) -> None:
        """Delete it and what belongs to it, as no garbage collector runs here."""
        await self.plant.api.delete(self.plant.place(WELD_MODEL, self.name))
        for kind in _PERSISTENT:
            for body in await self._owned(self.plant.place(kind)):
                await self.plant.api.delete(self.plant.place(kind, body["metadata"]["name"]))

    def about(self, call: Call) -> str:
        """A write in words that are the same in each run: what, and the weight, phase or reason that it brings."""
        match call.resource:
            case "httproutes" if call.verb == "apply":
                detail = str(self._weight(call.body))
            case "weldmodels/status":
                detail = _step(call.body)
            case "events":
                detail = str(call.body.get("reason", ""))
            case _:
                detail = call.name.removeprefix(f"{self.name}-")
        return f"{call.verb} {call.resource} {detail}"

    def _is_promoted(self, body: Object) -> bool:
        status = body.get("status", {})
        is_stable = status.get("stable", {}).get("digest") == digest(self.candidate)
        return is_stable and len(status["revisions"]) == 1 and status["observedGeneration"] == _generation(body)

    async def _until_quiet(self) -> None:
        """Until the operator has not written for a while."""
        proxy, deadline = self.plant.proxy, time.monotonic() + ENDS_WITHIN_SECONDS
        seen, since = len(proxy.writes), time.monotonic()
        while time.monotonic() - since < QUIET_SECONDS:
            assert time.monotonic() < deadline, f"{self.name} does not come to rest: {proxy.writes[-1].call}"
            await asyncio.sleep(0.1)
            if len(proxy.writes) != seen:
                seen, since = len(proxy.writes), time.monotonic()

    async def _owned(self, path: str) -> list[Object]:
        return await self.plant.api.list(path, label_selector=f"{MODEL_LABEL}={self.name}")

    async def _end(self) -> str:
        body = await self.plant.get(WELD_MODEL, self.name)
        assert body is not None
        end: Object = {"status": _steady(body["status"]), "annotations": body["metadata"].get("annotations", {})}
        for kind in _PERSISTENT:
            end[kind.plural] = {
                each["metadata"]["name"]: each.get("spec", each.get("data"))
                for each in await self._owned(self.plant.place(kind))
            }
        text = json.dumps(end, sort_keys=True)
        return text.replace(self.name, "MODEL").replace(self.plant.namespace, "NAMESPACE")

    async def _events(self) -> Counter[str]:
        events = await self.plant.api.list(self.plant.place(EVENT))
        return Counter(
            event["reason"]
            for event in events
            if event["involvedObject"]["name"] == self.name and digest(STABLE)[:8] not in event["message"]
        )

    def _weights(self, writes: Iterable[Write]) -> Iterator[int]:
        """Each change, over the generations of the HTTPRoute since the candidate first had a share."""
        generations: dict[int, int] = {}
        for write in writes:
            if (write.call.verb, write.call.resource) == ("apply", "httproutes") and write.status < 300:
                generations[_generation(write.result)] = self._weight(write.result)
        since = itertools.dropwhile(lambda weight: weight == 0, generations.values())
        return (weight for weight, _ in itertools.groupby(since))

    def _weight(self, route: Object) -> int:
        """The candidate's share, in percent, of what no header chooses."""
        service = predictor_name(revision_name(self.name, digest(self.candidate)))
        return sum(
            int(backend.get("weight", 1))
            for rule in route["spec"]["rules"]
            if not any(match.get("headers") for match in rule.get("matches", []))
            for backend in rule["backendRefs"]
            if backend["name"] == service
        )


def _serves(body: Object) -> bool:
    status = body.get("status", {})
    return bool(status.get("phase") == "Serving" and status["observedGeneration"] == _generation(body))


def _is_rolled_back(body: Object) -> bool:
    status = body.get("status", {})
    return status.get("rollout", {}).get("phase") == "RolledBack" and len(status["revisions"]) == 1


def _generation(body: Object) -> int:
    return int(body["metadata"]["generation"])


def _step(body: Object) -> str:
    rollout = body["status"].get("rollout", {})
    return f"{rollout.get('phase', '-')} {rollout.get('step', 0)}"


def _status_writes(writes: Iterable[Write]) -> Iterator[Write]:
    return (write for write in writes if write.call.resource == "weldmodels/status" and write.status < 300)


def _steps(writes: Iterable[Write]) -> Iterator[str]:
    return (step for step, _ in itertools.groupby(_step(write.result) for write in _status_writes(writes)))


def _stable_bundles(writes: Iterable[Write]) -> Iterator[str]:
    yield digest(STABLE)
    for write in _status_writes(writes):
        yield write.result["status"].get("stable", {}).get("digest", "")


def _steady(value: object) -> object:
    if isinstance(value, dict):
        if "verdict" in value:
            # A gate that passes here may still lack evidence there, when another one decides.
            return {"gate": value["gate"], "fails": value["verdict"] == "Fail"}
        return {name: _steady(each) for name, each in value.items() if name not in _UNSTEADY}
    if isinstance(value, list):
        return [_steady(each) for each in value]
    return value
