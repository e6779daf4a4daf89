"""Whether an object already is as it should be, whatever the API server has filled in. Pure."""

from __future__ import annotations

from tests.sandbox.kube_api import Object

_IDENTITY = ("apiVersion", "kind")


def fulfils(actual: Object, desired: Object) -> bool:
    """Whether every field of `desired` stands in `actual`; fields that `desired` does not name do not count."""
    wanted = {key: value for key, value in desired.items() if key not in _IDENTITY}
    return _contains(actual, wanted)


def _contains(actual: object, desired: object) -> bool:
    if isinstance(desired, dict):
        return isinstance(actual, dict) and all(
            key in actual and _contains(actual[key], value) for key, value in desired.items()
        )
    if isinstance(desired, list):
        return (
            isinstance(actual, list)
            and len(actual) == len(desired)
            and all(_contains(one, other) for one, other in zip(actual, desired, strict=True))
        )
    return actual == desired
