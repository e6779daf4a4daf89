"""All objects that a decision wants."""

from __future__ import annotations

from weld_operator.desired.shadow_config_map import shadow_config_map
from weld_operator.desired.target import Target
from weld_operator.desired.traffic.backend import Found, TrafficBackend, TrafficPlan, Wanted
from weld_operator.domain.decision import Decision
from weld_operator.domain.subject import Subject
from weld_operator.kinds import CONFIG_MAP


def desired_objects(
    owner: Subject, decision: Decision, backend: TrafficBackend, found: Found, target: Target
) -> Wanted:
    """In the order in which they are to be written: what serves before what sends requests there, and a shadow last.

    `found` is what the decision rests on.
    """
    plan = TrafficPlan(decision.stable, decision.candidate, decision.weight, decision.retiring)
    wanted = backend.objects(owner, plan, found, target)
    if decision.shadow is not None and decision.stable is not None:
        wanted.append((CONFIG_MAP, shadow_config_map(owner, decision.stable.name, decision.shadow)))
    return wanted
