"""The rules that span fields, for whoever looks at a spec before an API server does.

Each is one that the CustomResourceDefinition states in CEL; the sentence is that rule's own. A test holds both to
each other on a real API server. Rules that compare with the spec before (`oldSelf`) are the API server's alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from weld_api.gate import GATE_KINDS, Gate, PromQL
from weld_api.quantity import parse_duration, parse_quantity
from weld_api.region import Failover, Region, RegionCluster, RegionScaling
from weld_api.rollout import Analysis, Rollout, Step
from weld_api.schema import CelRule, Schema
from weld_api.spec import (
    CLIMBING_PATTERN,
    Batching,
    Intake,
    Model,
    OnChange,
    ResourceAmounts,
    Resources,
    Scaling,
    ScalingTarget,
    Serving,
    WeldModelSpec,
    Workload,
)
from weld_api.wave import Wave

Check = Callable[[Any], bool]


def broken_rule(spec: WeldModelSpec) -> str | None:
    """The first rule that a spec breaks, in a sentence that names the field; None when it breaks none."""
    return next((sentence for path, part in _parts("spec", spec) for sentence in _broken(path, part)), None)


def rules_to_check(kind: type[Schema]) -> tuple[CelRule, ...]:
    """The rules of a type that can be checked without the spec before."""
    return tuple(each for each in kind.cel_rules if "oldSelf" not in each.rule)


def _broken(path: str, part: Schema) -> Iterator[str]:
    for rule, holds in zip(rules_to_check(type(part)), CHECKS.get(type(part), ()), strict=True):
        if not holds(part):
            yield f"{path}{rule.field_path or ''}: {rule.message}"


def _parts(path: str, part: Schema) -> Iterator[tuple[str, Schema]]:
    """A part of a spec and all that is in it, with their paths as an API server writes them."""
    yield path, part
    for name, field in type(part).model_fields.items():
        below = f"{path}.{field.alias or name}"
        match getattr(part, name):
            case Schema() as one:
                yield from _parts(below, one)
            case tuple() as several:
                for number, each in enumerate(several):
                    if isinstance(each, Schema):
                        yield from _parts(f"{below}[{number}]", each)


def _are_different(names: Iterable[object]) -> bool:
    listed = list(names)
    return len(listed) == len(set(listed))


def _has_one_condition(gate: Gate) -> bool:
    return len(gate.model_dump(exclude_none=True).keys() & set(GATE_KINDS)) == 1


def _rises(rollout: Rollout) -> bool:
    weights = [step.weight for step in rollout.steps]
    return weights == sorted(set(weights))


def _steps_name_gates_of_their_own(rollout: Rollout) -> bool:
    common = {gate.name for gate in rollout.gates}
    return not any(gate.name in common for step in rollout.steps for gate in step.gates)


def _waves_name_gates_of_their_own(rollout: Rollout) -> bool:
    parts: tuple[Rollout | Step, ...] = (rollout, *rollout.steps)
    taken = {gate.name for part in parts for gate in part.gates}
    return not any(gate.name in taken for wave in rollout.waves for gate in wave.gates)


def _shadows_what_is_compared(rollout: Rollout) -> bool:
    parts: tuple[Rollout | Step | Wave, ...] = (rollout, *rollout.steps, *rollout.waves)
    gates = [gate for part in parts for gate in part.gates]
    return rollout.shadow is not None or not any(gate.is_paired for gate in gates)


def _requests_within_limits(resource: str) -> Check:
    def holds(resources: Resources) -> bool:
        requested, most = (_amount(each, resource) for each in (resources.requests, resources.limits))
        return requested is None or most is None or parse_quantity(requested) <= parse_quantity(most)

    return holds


def _amount(amounts: ResourceAmounts, resource: str) -> str | None:
    amount: str | None = getattr(amounts, resource)
    return amount


def _is_longer(field: str, least: str) -> Check:
    return lambda part: bool(parse_duration(getattr(part, field)) > parse_duration(least))


def _waits_within_the_deadline(spec: WeldModelSpec) -> bool:
    return parse_duration(spec.serving.batching.max_delay) <= parse_duration(spec.workload.deadline)


def _fail_over_to_others(spec: WeldModelSpec) -> bool:
    names = {region.name for region in spec.regions}
    return all(name in names - {region.name} for region in spec.regions for name in region.failover_to)


def _waves_name_the_regions(spec: WeldModelSpec) -> bool:
    if spec.rollout is None or not spec.rollout.waves:
        return True
    named = {name for wave in spec.rollout.waves for name in wave.regions}
    return named == {region.name for region in spec.regions}


CHECKS: dict[type[Schema], tuple[Check, ...]] = {
    Model: (lambda model: re.search(CLIMBING_PATTERN, model.uri) is None,),
    PromQL: (
        lambda it: it.max is not None or it.min is not None,
        lambda it: it.max is None or it.min is None or it.min <= it.max,
        lambda it: (it.samples is None) == (it.min_samples is None),
    ),
    Gate: (_has_one_condition,),
    Step: (lambda it: _are_different(gate.name for gate in it.gates),),
    Analysis: (lambda it: parse_duration(it.interval) >= parse_duration("1s"),),
    Rollout: (
        _rises,
        lambda it: _are_different(gate.name for gate in it.gates),
        _steps_name_gates_of_their_own,
        _shadows_what_is_compared,
        lambda it: bool(it.steps) or it.shadow is not None,
        lambda it: _are_different(name for wave in it.waves for name in wave.regions),
        _waves_name_gates_of_their_own,
    ),
    Wave: (lambda it: _are_different(gate.name for gate in it.gates),),
    RegionCluster: (lambda it: (it.local is None) != (it.kubeconfig_secret is None),),
    RegionScaling: (lambda it: it.min_replicas <= it.max_replicas,),
    Region: (lambda it: _are_different(it.failover_to),),
    Failover: (
        lambda it: parse_duration(it.after) >= parse_duration("1s"),
        lambda it: parse_duration(it.back) >= parse_duration("1s"),
    ),
    Resources: (_requests_within_limits("cpu"), _requests_within_limits("memory")),
    Workload: (
        _is_longer("tick", "0s"),
        lambda it: parse_duration(it.jitter) < parse_duration(it.tick),
        _is_longer("deadline", "0s"),
    ),
    Batching: (lambda it: it.max_readings <= it.queue_readings,),
    OnChange: (lambda it: _are_different(feature.name for feature in it.features),),
    Intake: (
        lambda it: (it.sampling == "EveryNth") == (it.every_nth is not None),
        lambda it: (it.sampling == "OnChange") == (it.on_change is not None),
        _is_longer("longest_silence", "0s"),
    ),
    Scaling: (lambda it: it.min_replicas <= it.max_replicas,),
    ScalingTarget: (lambda it: it.cpu_utilization is None or it.readings_per_second is None,),
    Serving: (
        lambda it: it.traffic != "Native" or it.mode == "Standard",
        lambda it: not it.scaling.target.follows_readings or (it.mode, it.traffic) == ("Standard", "Gateway"),
    ),
    WeldModelSpec: (
        _waits_within_the_deadline,
        lambda it: _are_different(region.name for region in it.regions),
        lambda it: not it.regions or (it.serving.mode, it.serving.traffic) == ("Standard", "Gateway"),
        lambda it: not it.regions or sum(region.share for region in it.regions) == 100,
        _fail_over_to_others,
        _waves_name_the_regions,
    ),
}
"""A check for each of a type's rules, in their order."""
