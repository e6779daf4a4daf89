"""Which HTTPRoutes a Gateway accepts, and for which host names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tests.sandbox.kube_api import Object

GROUP = "gateway.networking.k8s.io"


@dataclass(frozen=True)
class Attachment:
    """One parentRef of a route to the Gateway: `reason` is the Gateway API's, and `Accepted` when it holds.

    `hostnames` are those that the route and its listeners have in common; none means every host name.
    """

    parent_ref: Object
    listeners: tuple[str, ...]
    hostnames: tuple[str, ...]
    reason: str
    message: str = ""

    @property
    def accepted(self) -> bool:
        return self.reason == "Accepted"


def attachments(gateway: Object, route: Object) -> list[Attachment]:
    """What becomes of each parentRef of the route that names the Gateway."""
    return [
        _attachment(gateway, route, reference)
        for reference in route["spec"].get("parentRefs", [])
        if _names(reference, route, gateway)
    ]


def _names(reference: Object, route: Object, gateway: Object) -> bool:
    namespace = reference.get("namespace", route["metadata"]["namespace"])
    kind = (reference.get("group", GROUP), reference.get("kind", "Gateway"))
    named = (*kind, namespace, reference["name"])
    return named == (GROUP, "Gateway", gateway["metadata"]["namespace"], gateway["metadata"]["name"])


def _attachment(gateway: Object, route: Object, reference: Object) -> Attachment:
    wanted = reference.get("sectionName")
    listeners = [one for one in gateway["spec"]["listeners"] if wanted is None or one["name"] == wanted]
    if not listeners:
        return Attachment(reference, (), (), "NoMatchingParent", f"the Gateway has no listener {wanted!r}")
    allowed = [one for one in listeners if _allows(one, route, gateway)]
    if not allowed:
        return Attachment(
            reference, (), (), "NotAllowedByListeners", "no listener allows HTTPRoutes of the route's namespace"
        )
    names = tuple(one["name"] for one in allowed)
    own: list[str] = route["spec"].get("hostnames", [])
    common = [_common_hostnames(listener.get("hostname", ""), own) for listener in allowed]
    served = [found for found in common if found is not None]
    if not served:
        return Attachment(reference, (), (), "NoMatchingListenerHostname", f"no listener serves {', '.join(own)}")
    everything = any(not found for found in served)
    hostnames = () if everything else tuple(dict.fromkeys(name for found in served for name in found))
    return Attachment(reference, names, hostnames, "Accepted", "the route is served")


def _allows(listener: Object, route: Object, gateway: Object) -> bool:
    if listener.get("protocol") != "HTTP":
        return False
    allowed = listener.get("allowedRoutes", {})
    kinds = allowed.get("kinds", [])
    if kinds and not any(one["kind"] == "HTTPRoute" for one in kinds):
        return False
    namespaces = allowed.get("namespaces", {}).get("from", "Same")
    same = bool(route["metadata"]["namespace"] == gateway["metadata"]["namespace"])
    return bool(namespaces == "All") or (bool(namespaces == "Same") and same)


def _common_hostnames(listener: str, route: Iterable[str]) -> list[str] | None:
    """The host names that both serve; empty for all, None when there is none."""
    names = list(route)
    if not listener:
        return names
    if not names:
        return [listener]
    common = [both for name in names if (both := _narrower(listener, name)) is not None]
    return common or None


def _narrower(first: str, second: str) -> str | None:
    """The more specific of two host names, either of which may begin with `*.`; None when they exclude each other."""
    if first == second:
        return first
    for wide, narrow in ((first, second), (second, first)):
        if wide.startswith("*.") and narrow.removeprefix("*").endswith(wide[1:]):
            return narrow
    return None
