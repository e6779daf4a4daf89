"""What every traffic backend goes through, once, and what was seen on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tests.contract.traffic_site import TrafficSite
from weld_api import names
from weld_operator.desired.traffic.backend import TrafficObservation, TrafficPlan
from weld_operator.domain.decision import DesiredRevision
from weld_operator.kinds import Kind

STEPS = (5, 25, 50)
STABLE_REPLICAS = 2
REQUESTS = 40

Weights = dict[str, int] | None


@dataclass
class Facts:
    """What was seen; weights are by the letter that a test calls a bundle by."""

    first: Weights = None
    dark: Weights = None
    stable_size: int = 0
    candidate_is_ready: bool = False
    by_header: dict[str, Counter[str]] = field(default_factory=dict)
    without_header: Counter[str] = field(default_factory=Counter)
    steps: dict[int, Weights] = field(default_factory=dict)
    half: Counter[str] = field(default_factory=Counter)
    before_promotion: dict[str, frozenset[str]] = field(default_factory=dict)
    after_promotion: dict[str, frozenset[str]] = field(default_factory=dict)
    promoted: Weights = None
    rolled_back: Weights = None
    after_rollback: list[Weights] = field(default_factory=list)
    third: Weights = None
    everything: Weights = None
    back_from_everything: Weights = None
    at_rest: tuple[list[tuple[Kind, str, str]], ...] = ()
    rebuilt: dict[str, Weights] = field(default_factory=dict)
    all_weights: list[Weights] = field(default_factory=list)


class Story:
    """The life of one WeldModel: bundle a, then b promoted, c rolled back, and d on trial."""

    def __init__(self, site: TrafficSite) -> None:
        self.site = site
        self.facts = Facts()

    async def play(self) -> Facts:
        first, second, third, fourth = (self.site.revision(letter) for letter in "abcd")
        first = replace(first, min_replicas=STABLE_REPLICAS)
        await self._first(first)
        await self._on_trial(first, second)
        await self._promotion(first, second)
        await self._rollback(second, third)
        await self._after_rollback(second, fourth)
        self.facts.all_weights = [_by_letter(each) for each in self.site.seen if each.weights is not None]
        return self.facts

    async def _first(self, first: DesiredRevision) -> None:
        await self.site.bring(TrafficPlan(None, first), _is_ready(first), "first version")
        seen = await self.site.bring(TrafficPlan(first, None), _has(first, 100), "requests for the first version")
        self.facts.first = _by_letter(seen)

    async def _on_trial(self, stable: DesiredRevision, candidate: DesiredRevision) -> None:
        site, facts = self.site, self.facts
        await site.bring(TrafficPlan(stable, candidate), _is_ready(candidate), "ready candidate")
        seen = await site.rest(TrafficPlan(stable, candidate))
        facts.dark = _by_letter(seen)
        facts.candidate_is_ready = seen.revisions[candidate.name].is_ready(candidate.min_replicas)
        facts.stable_size = seen.revisions[stable.name].available_replicas
        facts.without_header = await site.answers(seen.url, REQUESTS, {})
        for value in (names.CANDIDATE_HEADER_VALUE, candidate.name[-names.REVISION_SUFFIX_LENGTH :]):
            facts.by_header[value] = await site.answers(seen.url, REQUESTS, {names.REVISION_HEADER: value})
        for weight in STEPS:
            seen = await site.bring(TrafficPlan(stable, candidate, weight), _has(candidate, weight), f"{weight} %")
            facts.steps[weight] = _by_letter(seen)
        await site.rest(TrafficPlan(stable, candidate, STEPS[-1]))
        facts.half = await site.answers(seen.url, REQUESTS, {})

    async def _promotion(self, former: DesiredRevision, promoted: DesiredRevision) -> None:
        site, facts = self.site, self.facts
        facts.before_promotion = {each.name: await site.pods(each) for each in (former, promoted)}
        plan = TrafficPlan(promoted, None, retiring=(former,))
        facts.promoted = _by_letter(await site.bring(plan, _has(promoted, 100), "promotion"))
        await site.rest(plan)
        await site.bring(TrafficPlan(promoted, None), _is_without(former), "end of the former revision")
        await site.rest(TrafficPlan(promoted, None))
        await site.until_gone(former)
        facts.after_promotion = {each.name: await site.pods(each) for each in (former, promoted)}

    async def _rollback(self, stable: DesiredRevision, candidate: DesiredRevision) -> None:
        site, facts = self.site, self.facts
        await site.bring(TrafficPlan(stable, candidate), _is_ready(candidate), "ready candidate")
        await site.bring(TrafficPlan(stable, candidate, 25), _has(candidate, 25), "25 %")
        await site.write(TrafficPlan(stable, candidate, 0))
        facts.rolled_back = _by_letter(await site.wait(_has(stable, 100), "rollback"))
        begun = len(site.seen)
        await site.bring(TrafficPlan(stable, None), _is_without(candidate), "end of the candidate")
        await site.rest(TrafficPlan(stable, None))
        facts.after_rollback = [_by_letter(each) for each in site.seen[begun:]]

    async def _after_rollback(self, stable: DesiredRevision, candidate: DesiredRevision) -> None:
        site, facts = self.site, self.facts
        await site.bring(TrafficPlan(stable, candidate), _is_ready(candidate), "ready third version")
        plan = TrafficPlan(stable, candidate, 5)
        facts.third = _by_letter(await site.bring(plan, _has(candidate, 5), "5 %"))
        await site.bring(TrafficPlan(stable, candidate, 100), _has(candidate, 100), "100 %")
        facts.everything = _by_letter(await site.rest(TrafficPlan(stable, candidate, 100)))
        facts.back_from_everything = _by_letter(await site.bring(plan, _has(candidate, 5), "5 % again"))
        await site.rest(plan)
        facts.at_rest = (await site.write(plan), await site.write(plan))
        for kind in site.backend.owned_kinds:
            await self._rebuilt(kind, plan)

    async def _rebuilt(self, kind: Kind, plan: TrafficPlan) -> None:
        """Somebody deletes all objects of a kind."""
        site = self.site
        wanted = {name for each, name, _ in await site.write(plan) if each == kind}
        for name in wanted:
            await site.delete(kind, name)
        assert plan.candidate is not None

        def is_whole(seen: TrafficObservation) -> bool:
            return _has(plan.candidate, plan.weight)(seen) and all(
                each is not None and _is_ready(each)(seen) for each in (plan.stable, plan.candidate)
            )

        await site.rest(plan)
        self.facts.rebuilt[kind.name] = _by_letter(await site.bring(plan, is_whole, f"{kind.name} again"))
        found = await site.found()
        assert wanted <= found[kind].keys(), f"{kind} is not as before"


def _has(revision: DesiredRevision | None, weight: int) -> Callable[[TrafficObservation], bool]:
    assert revision is not None
    return lambda seen: seen.in_force and seen.weights is not None and seen.weights.get(revision.name, 0) == weight


def _is_ready(revision: DesiredRevision) -> Callable[[TrafficObservation], bool]:
    def holds(seen: TrafficObservation) -> bool:
        there = seen.revisions.get(revision.name)
        return there is not None and there.is_ready(revision.min_replicas)

    return holds


def _is_without(revision: DesiredRevision) -> Callable[[TrafficObservation], bool]:
    return lambda seen: revision.name not in seen.revisions


def _by_letter(seen: TrafficObservation) -> Weights:
    return None if seen.weights is None else {name[-1]: weight for name, weight in seen.weights.items()}
