"""The HTTPRoute of a WeldModel in regions: one host for those of its regions that are in this cluster.

Each region has a route and a host of its own besides; this one is for sensors that know of no regions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from weld_api.names import CANDIDATE_HEADER_VALUE, REVISION_HEADER, REVISION_SUFFIX_LENGTH, predictor_name
from weld_api.status import RegionStatus
from weld_operator.desired.metadata import metadata
from weld_operator.desired.target import Target
from weld_operator.desired.traffic.gateway import EVERY_PATH, gateway_parent
from weld_operator.desired.traffic.routes import http_route, service_reference, weighted_rule
from weld_operator.domain.decision import Decision
from weld_operator.domain.subject import Subject
from weld_operator.kinds import Object


@dataclass(frozen=True)
class LocalRegion:
    """A region in this cluster: what was decided for it, and whether its candidate can be sent anything."""

    decision: Decision
    candidate_is_there: bool


def shared_route(
    owner: Subject, regions: Mapping[str, LocalRegion], weights: Mapping[str, int], target: Target
) -> Object | None:
    """None while no region serves. `owner`: the WeldModel. `weights` of regions, in any unit up to 10,000."""
    serving = {name: each for name, each in regions.items() if each.decision.stable is not None}
    if not serving:
        return None
    if not any(weights.get(name, 0) for name in serving):
        weights = dict.fromkeys(serving, 1)
    shares: dict[str, int] = {}
    candidates: dict[str, int] = {}
    for name, region in serving.items():
        stable, candidate, weight = region.decision.stable, region.decision.candidate, region.decision.weight
        if stable is not None:
            shares[predictor_name(stable.name)] = weights.get(name, 0) * (100 - weight)
        if candidate is not None:
            shares[predictor_name(candidate.name)] = weights.get(name, 0) * weight
            if region.candidate_is_there:
                candidates[candidate.name] = max(weights.get(name, 0), 1)
    rules = [weighted_rule(EVERY_PATH, shares)]
    if candidates:
        rules.append(_candidates_rule(candidates))
    host = target.host(owner.name, owner.namespace)
    return http_route(metadata(owner, owner.name), [gateway_parent(target)], [host], rules)


def shared_weights(shares: Mapping[str, int], regions: Iterable[RegionStatus]) -> dict[str, int]:
    """Readings that regions get, their own and those that they carry, in hundredths of a percent.

    `shares`: inspection points of a hundred whose sensors send to each region, or to where it says.
    """
    weights: dict[str, int] = {}
    for region in regions:
        for each in region.sends_to:
            weights[each.region] = weights.get(each.region, 0) + shares.get(region.name, 0) * each.weight
    return weights


def _candidates_rule(candidates: Mapping[str, int]) -> Object:
    """Requests that ask for the candidate by a header; where regions try different ones, not by their digits."""
    digits = {name[-REVISION_SUFFIX_LENGTH:] for name in candidates}
    values: Sequence[str] = (CANDIDATE_HEADER_VALUE, *(digits if len(digits) == 1 else ()))
    return {
        "matches": [
            {"path": EVERY_PATH, "headers": [{"type": "Exact", "name": REVISION_HEADER, "value": value}]}
            for value in values
        ],
        "backendRefs": [service_reference(predictor_name(name), weight) for name, weight in candidates.items()],
    }
