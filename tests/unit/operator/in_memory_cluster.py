"""A cluster in memory: what the operator needs of an API server, held to the same contract as the real one."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from weld_operator.adapters.cluster import Cluster, ConflictError, NotServedError, RefusedError
from weld_operator.kinds import CONFIG_MAP, HTTP_ROUTE, INFERENCE_SERVICE, Kind, Object

Place = tuple[Kind, str, str]


class CrashError(BaseException):
    """The operator is killed here; no code of its own may catch it."""


@dataclass
class InMemoryCluster(Cluster):
    """Objects by kind, namespace and name.

    `unserved` kinds are unknown, `lacking` fields are in no schema.
    Writing what `refused` names, such as `HTTPRoute north-line`, is refused with that
    sentence. From the write `crash_at` on, counted from 1, each raises CrashError: instead of the write, or after it
    when `crash_late`.
    """

    objects: dict[Place, Object] = field(default_factory=dict)
    unserved: set[Kind] = field(default_factory=set)
    lacking: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)
    writes: list[tuple[str, str, str]] = field(default_factory=list)
    crash_at: int | None = None
    crash_late: bool = False
    _applied: dict[tuple[Place, str], Object] = field(default_factory=dict)
    _versions: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def put(self, kind: Kind, body: Object) -> Object:
        """What somebody else than the operator writes: the object becomes exactly this."""
        body = copy.deepcopy(body)
        place = _place(kind, body)
        self._store(place, body, self.objects.get(place))
        return self.objects[place]

    def remove(self, kind: Kind, namespace: str, name: str) -> None:
        """What somebody else deletes."""
        self.objects.pop((kind, namespace, name), None)

    async def serves(self, kind: Kind) -> bool:
        return kind not in self.unserved

    async def versions(self, group: str) -> tuple[str, ...]:
        known = {kind for kind in (INFERENCE_SERVICE, HTTP_ROUTE) if kind.group == group and kind not in self.unserved}
        return tuple(sorted({kind.version for kind in known}))

    async def missing_fields(self, kind: Kind, fields: Sequence[str]) -> tuple[str, ...]:
        self._check_served(kind)
        return tuple(field for field in fields if field in self.lacking)

    async def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        self._check_served(kind)
        return copy.deepcopy(self.objects.get((kind, namespace, name)))

    async def list(self, kind: Kind, namespace: str | None, labels: Mapping[str, str]) -> list[Object]:
        self._check_served(kind)
        return [
            copy.deepcopy(body)
            for (each, where, _), body in sorted(self.objects.items(), key=lambda item: item[0][1:])
            if each == kind
            and namespace in (None, where)
            and labels.items() <= body["metadata"].get("labels", {}).items()
        ]

    async def apply(self, kind: Kind, body: Object) -> Object:
        return self._write("apply", kind, body)

    async def apply_status(self, kind: Kind, body: Object) -> Object:
        place = _place(kind, body)
        if place not in self.objects:
            raise ConflictError(f"{kind} {place[2]} not found")
        if self.objects[place]["metadata"]["resourceVersion"] != body["metadata"]["resourceVersion"]:
            raise ConflictError(f"{kind} {place[2]} has been modified")
        return self._write("apply_status", kind, body)

    async def apply_finalizers(self, kind: Kind, body: Object) -> Object:
        place = _place(kind, body)
        there = self.objects.get(place)
        if there is None or there["metadata"]["resourceVersion"] != body["metadata"]["resourceVersion"]:
            raise ConflictError(f"{kind} {place[2]} is gone or has been modified")
        with _Write(self, "apply_finalizers", kind, place[2]):
            after = copy.deepcopy(there)
            after["metadata"]["finalizers"] = list(body["metadata"]["finalizers"])
            self._store(place, after, there)
            if not after["metadata"]["finalizers"] and "deletionTimestamp" in after["metadata"]:
                del self.objects[place]
        return copy.deepcopy(after)

    async def create(self, kind: Kind, body: Object) -> Object:
        self._check_served(kind)
        if _place(kind, body) in self.objects:
            raise ConflictError(f"{kind} {body['metadata']['name']} already exists")
        return self._write("create", kind, body)

    async def replace(self, kind: Kind, body: Object) -> Object:
        self._check_served(kind)
        before = self.objects.get(_place(kind, body))
        if before is None or before["metadata"]["resourceVersion"] != body["metadata"].get("resourceVersion"):
            raise ConflictError(f"{kind} {body['metadata']['name']} has been modified")
        return self._write("replace", kind, body)

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        body = self.objects.get((kind, namespace, name))
        if body is None or body["metadata"]["uid"] != uid:
            return
        with _Write(self, "delete", kind, name):
            del self.objects[kind, namespace, name]
            self._applied = {key: value for key, value in self._applied.items() if key[0] != (kind, namespace, name)}

    def _write(self, verb: str, kind: Kind, body: Object) -> Object:
        self._check_served(kind)
        place = _place(kind, body)
        if f"{kind} {place[2]}" in self.refused:
            raise RefusedError(self.refused[f"{kind} {place[2]}"])
        with _Write(self, verb, kind, place[2]):
            before = self.objects.get(place)
            body = copy.deepcopy(body)
            after = body if verb in ("create", "replace") else self._merged(place, verb, body, before)
            self._store(place, after, before)
        return copy.deepcopy(self.objects[place])

    def _merged(self, place: Place, verb: str, body: Object, before: Object | None) -> Object:
        """Server-side apply: what was applied before and is not any more goes, what others set stays."""
        body["metadata"].pop("resourceVersion", None)
        part = {key: value for key, value in body.items() if (key == "status") == (verb == "apply_status")}
        earlier = self._applied.get((place, verb), {})
        self._applied[place, verb] = part
        return _merge(_without(copy.deepcopy(before or {}), earlier, part), part)

    def _store(self, place: Place, body: Object, before: Object | None) -> None:
        about = body.setdefault("metadata", {})
        about.setdefault("uid", f"uid-{next(self._versions)}" if before is None else before["metadata"]["uid"])
        about.setdefault("creationTimestamp", "2026-11-23T11:00:00Z")
        if place[0] != CONFIG_MAP:
            about["generation"] = 1 if before is None else before["metadata"]["generation"]
            if before is not None and body.get("spec") != before.get("spec"):
                about["generation"] += 1
        about["resourceVersion"] = "" if before is None else before["metadata"]["resourceVersion"]
        if body != before:
            about["resourceVersion"] = str(next(self._versions))
        self.objects[place] = body

    def _check_served(self, kind: Kind) -> None:
        if kind in self.unserved:
            raise NotServedError(kind)


class _Write:
    """Counts a write, and crashes around it when it is time."""

    def __init__(self, cluster: InMemoryCluster, verb: str, kind: Kind, name: str) -> None:
        self._cluster = cluster
        self._write = (verb, kind.name, name)

    def __enter__(self) -> None:
        if self._is_last() and not self._cluster.crash_late:
            raise CrashError

    def __exit__(self, *_: object) -> None:
        crashes = self._is_last()
        self._cluster.writes.append(self._write)
        if crashes:
            raise CrashError

    def _is_last(self) -> bool:
        return self._cluster.crash_at is not None and len(self._cluster.writes) + 1 >= self._cluster.crash_at


def _place(kind: Kind, body: Object) -> Place:
    return kind, body["metadata"]["namespace"], body["metadata"]["name"]


def _merge(into: Object, part: Object) -> Object:
    for key, value in part.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        elif key == "ownerReferences":
            others = [owner for owner in into.get(key, []) if owner["uid"] not in {each["uid"] for each in value}]
            into[key] = others + value
        else:
            into[key] = value
    return into


def _without(body: Object, earlier: Object, part: Object) -> Object:
    """The body without the fields that were applied earlier and are not in this part."""
    for key, value in earlier.items():
        if key not in part:
            body.pop(key, None)
        elif isinstance(value, dict) and isinstance(part[key], dict) and isinstance(body.get(key), dict):
            _without(body[key], value, part[key])
    return body
