"""HTTPRoutes: their rules, and what they show of weights."""

from __future__ import annotations

from collections.abc import Mapping

from weld_api import names
from weld_operator.kinds import HTTP_ROUTE, Object

PREDICTOR_SERVICE_PORT = 80
"""The port that KServe gives to a predictor's Service."""


def http_route(metadata: Object, parents: list[Object], hostnames: list[str], rules: list[Object]) -> Object:
    return {
        "apiVersion": HTTP_ROUTE.api_version,
        "kind": HTTP_ROUTE.name,
        "metadata": metadata,
        "spec": {"parentRefs": parents, "hostnames": hostnames, "rules": rules},
    }


def weighted_rule(path: Object, weights: Mapping[str, int]) -> Object:
    """Requests of a path, to Services by their weights; one without a weight is left out.

    A backendRef of weight 0 would get nothing, yet could have the whole route rejected while its Service is missing.
    """
    references = [service_reference(service, weight) for service, weight in weights.items() if weight > 0]
    return {"matches": [{"path": path}], "backendRefs": references}


def candidate_rule(path: Object, revision: str) -> Object:
    """Requests of a path that ask for the candidate by a header, as such or by the first digits of its digest.

    More specific than a rule without headers, and so tried before it wherever it stands.
    """
    digits = revision[-names.REVISION_SUFFIX_LENGTH :]
    return {
        "matches": [
            {"path": path, "headers": [{"type": "Exact", "name": names.REVISION_HEADER, "value": value}]}
            for value in (names.CANDIDATE_HEADER_VALUE, digits)
        ],
        "backendRefs": [service_reference(names.predictor_name(revision), 100)],
    }


def shown_weights(route: Object) -> dict[str, int] | None:
    """Requests of a hundred by Service, of the first rule that asks for no header; None where nothing is answered.

    They sum to 100 whatever the route's own numbers do.
    """
    written: dict[str, int] = {}
    for reference in _plain_references(route):
        written[reference["name"]] = written.get(reference["name"], 0) + int(reference.get("weight", 1))
    whole = sum(written.values())
    if whole == 0:
        return None
    shares = {service: weight * 100 // whole for service, weight in written.items() if weight > 0}
    # What rounding down has lost goes to the largest share.
    shares[max(shares, key=lambda service: (shares[service], service))] += 100 - sum(shares.values())
    return shares


def named_services(route: Object) -> frozenset[str]:
    """The Services that the same rule names, whatever their weights."""
    return frozenset(reference["name"] for reference in _plain_references(route))


def is_taken_on(route: Object) -> bool:
    """Whether every controller that speaks of an HTTPRoute speaks of its newest form; True where none speaks."""
    generation = route["metadata"].get("generation", 0)
    parents = route.get("status", {}).get("parents", [])
    conditions = [entry for parent in parents for entry in parent.get("conditions", [])]
    # Some say nothing of the generation that they speak of.
    return all(entry.get("observedGeneration", generation) >= generation for entry in conditions)


def service_reference(service: str, weight: int) -> Object:
    """What a rule sends requests to, and how many of them."""
    return {"group": "", "kind": "Service", "name": service, "port": PREDICTOR_SERVICE_PORT, "weight": weight}


def _plain_references(route: Object) -> list[Object]:
    """The backendRefs of the first rule that asks for no header."""
    rules = route.get("spec", {}).get("rules", [])
    plain = (rule for rule in rules if not any(match.get("headers") for match in rule.get("matches", [])))
    nothing: Object = {}
    references: list[Object] = next(plain, nothing).get("backendRefs", [])
    return references
