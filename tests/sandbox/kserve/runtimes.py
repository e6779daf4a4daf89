"""Which (Cluster)ServingRuntime serves a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.sandbox.kube_api import Object


@dataclass(frozen=True)
class Runtime:
    """A runtime that was found: its name, whether it is a ClusterServingRuntime, and its spec."""

    name: str
    cluster_wide: bool
    spec: Object


class InvalidSpecError(Exception):
    """The InferenceService cannot be served as it is written; the status says so, and admission does not."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


def choose(model: Object, runtimes: Sequence[Object], cluster_runtimes: Sequence[Object]) -> Runtime:
    """The named runtime, or the first that selects itself for the format; those of the namespace come first.

    `runtimes` are the ServingRuntimes of the InferenceService's namespace. Raises InvalidSpecError.
    """
    found = [_runtime(item, cluster_wide=False) for item in _by_age(runtimes)]
    found += [_runtime(item, cluster_wide=True) for item in _by_age(cluster_runtimes)]
    name = model.get("runtime")
    if name is None:
        return _self_selected(model, found)
    named = next((runtime for runtime in found if runtime.name == name), None)
    if named is None:
        raise InvalidSpecError("RuntimeNotRecognized", "Waiting for runtime to become available")
    _check(model, named)
    return named


def _check(model: Object, runtime: Runtime) -> None:
    if runtime.spec.get("disabled"):
        raise InvalidSpecError("RuntimeDisabled", "Specified runtime is disabled")
    if not _speaks(runtime, model.get("protocolVersion")):
        raise InvalidSpecError("NoSupportingRuntime", "Specified runtime does not support specified protocol version")
    if not _formats(runtime, model):
        raise InvalidSpecError("NoSupportingRuntime", "Specified runtime does not support specified framework/version")


def _self_selected(model: Object, runtimes: Sequence[Runtime]) -> Runtime:
    protocol = model.get("protocolVersion", "v1")
    fitting = [
        runtime
        for runtime in runtimes
        if not runtime.spec.get("disabled")
        and _speaks(runtime, protocol)
        and any(supported.get("autoSelect") for supported in _formats(runtime, model))
    ]
    if not fitting:
        raise InvalidSpecError("NoSupportingRuntime", "No runtime found to support specified framework/version")
    # A stable sort: equals stay in the order of age.
    return min(fitting, key=lambda runtime: (runtime.cluster_wide, -_priority(runtime, model)))


def _formats(runtime: Runtime, model: Object) -> list[Object]:
    """The runtime's supported formats that fit the model's."""
    wanted = model["modelFormat"]
    supported: list[Object] = runtime.spec.get("supportedModelFormats") or []
    return [
        candidate
        for candidate in supported
        if candidate["name"] == wanted["name"]
        and (wanted.get("version") is None or candidate.get("version") == wanted["version"])
    ]


def _priority(runtime: Runtime, model: Object) -> int:
    return max(supported.get("priority") or 0 for supported in _formats(runtime, model))


def _speaks(runtime: Runtime, protocol: str | None) -> bool:
    versions = runtime.spec.get("protocolVersions") or []
    return protocol is None or not versions or protocol in versions


def _runtime(item: Object, *, cluster_wide: bool) -> Runtime:
    return Runtime(item["metadata"]["name"], cluster_wide, item["spec"])


def _by_age(items: Sequence[Object]) -> list[Object]:
    """The newest first; of the same age, by name."""
    by_name = sorted(items, key=lambda item: str(item["metadata"]["name"]))
    return sorted(by_name, key=lambda item: str(item["metadata"].get("creationTimestamp", "")), reverse=True)
