"""All objects that a decision wants."""

from __future__ import annotations

from weld_operator.desired.disruption_budget import disruption_budget
from weld_operator.desired.http_route import http_route
from weld_operator.desired.inference_service import inference_service
from weld_operator.desired.target import Target
from weld_operator.domain.decision import Decision
from weld_operator.domain.subject import Subject
from weld_operator.kinds import HTTP_ROUTE, INFERENCE_SERVICE, POD_DISRUPTION_BUDGET, Kind, Object

Wanted = list[tuple[Kind, Object]]


def desired_objects(owner: Subject, decision: Decision, target: Target) -> Wanted:
    """In the order in which they are to be written: what serves before what sends requests there."""
    wanted: Wanted = []
    for revision in decision.desired:
        wanted.append((INFERENCE_SERVICE, inference_service(owner, revision, target)))
        wanted.append((POD_DISRUPTION_BUDGET, disruption_budget(owner, revision)))
    if decision.backends:
        wanted.append((HTTP_ROUTE, http_route(owner, decision.backends, target)))
    return wanted
