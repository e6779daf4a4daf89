"""All objects of one collection as the cluster has told them, packed: as dicts, a fleet would take ten times the room.

What this process has written is known before the cluster tells it, so that it never sees less than it has done: the
answer to a write counts until a watch has come as far as the write. resourceVersions are compared as numbers, which
Kubernetes has promised for objects of one kind since 1.35, and which they have been for as long as there is etcd.
"""

from __future__ import annotations

import json
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from weld_api.names import FIELD_MANAGER
from weld_operator.kinds import Object

Place = tuple[str, str]
"""Namespace and name."""

MOST_DELETED = 1000
"""Deletions that are remembered: far more than happen before a watch tells of them."""

_LEVEL = 1
"""Of compression: higher ones take longer and save little."""


class Packed(NamedTuple):
    """An object; `value` is that of its index label, empty where it has none."""

    version: int
    uid: str
    value: str
    data: bytes

    def unpacked(self) -> Object:
        body: Object = json.loads(zlib.decompress(self.data))
        return body


class _Deleted(NamedTuple):
    """The object's uid, and the version at which it was last known."""

    uid: str
    version: int


class PackedStore:
    """The objects by their place, and by the value of one label. Not thread-safe."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._packed: dict[Place, Packed] = {}
        self._names: defaultdict[Place, set[str]] = defaultdict(set)
        """By namespace and value of the label."""
        self._told = 0
        """The resourceVersion up to which the cluster has told everything."""
        self._written: set[Place] = set()
        """What was written here and not told yet."""
        self._deleted: dict[Place, _Deleted] = {}
        """What was deleted here and, but for the oldest, may not have been told yet."""

    def __len__(self) -> int:
        return len(self._packed)

    def get(self, namespace: str, name: str) -> Object | None:
        packed = self._packed.get((namespace, name))
        return None if packed is None else packed.unpacked()

    def version(self, namespace: str, name: str) -> int | None:
        """The resourceVersion of an object; None where there is none."""
        packed = self._packed.get((namespace, name))
        return None if packed is None else packed.version

    def places(self) -> list[Place]:
        """Where all objects are."""
        return list(self._packed)

    def labelled(self, namespace: str, value: str) -> list[Object]:
        """The objects whose label has this value, by their names."""
        names = self._names.get((namespace, value), ())
        return [self._packed[namespace, name].unpacked() for name in sorted(names)]

    def pack(self, body: Object) -> Packed:
        """Raises ValueError for a resourceVersion that is no number."""
        about = body["metadata"]
        value = about.get("labels", {}).get(self._label, "")
        text = json.dumps(_without_others(body), separators=(",", ":"))
        return Packed(version_of(body), about["uid"], value, zlib.compress(text.encode(), _LEVEL))

    def tell_all(self, listed: Mapping[Place, Packed], version: int) -> list[Object]:
        """The cluster has told everything, as it was at this version. Gives what was there before and is gone."""
        now = dict(listed)
        for place in self._written:
            if place in self._packed and self._packed[place].version > version:
                now[place] = self._packed[place]
        for place in self._deleted:
            # Also where it is not in the list it may still be told of: the list may be older than the object.
            if place in now and self._is_over(place, now[place].uid, now[place].version):
                del now[place]
        gone = [packed.unpacked() for place, packed in self._packed.items() if place not in now]
        self._packed = now
        self._names = defaultdict(set)
        for place, packed in now.items():
            self._names[place[0], packed.value].add(place[1])
        self._told = version
        return gone

    def tell(self, body: Object, *, is_gone: bool = False) -> None:
        """The cluster tells of one change, after all those before it."""
        place, version, uid = place_of(body), version_of(body), body["metadata"]["uid"]
        self._told = max(self._told, version)
        if is_gone and place in self._deleted and self._deleted[place].uid == uid:
            del self._deleted[place]
        there = self._packed.get(place)
        if there is not None and there.version > version:
            return  # what was written here since is still to be told
        self._written.discard(place)
        if is_gone:
            self._remove(place)
        elif not self._is_over(place, uid, version):
            self._put(place, self.pack(body))

    def tell_version(self, version: int) -> None:
        """The cluster has told everything up to this version."""
        self._told = max(self._told, version)

    def wrote(self, body: Object) -> None:
        """An answer of the cluster that no watch has told of yet: to a write, or to a read of one object."""
        place, version = place_of(body), version_of(body)
        there = self._packed.get(place)
        if version <= self._told or (there is not None and there.version >= version):
            return
        if not self._is_over(place, body["metadata"]["uid"], version):
            self._put(place, self.pack(body))
            self._written.add(place)

    def deleted(self, namespace: str, name: str, uid: str) -> None:
        """The object of this uid, which was told, read or written here, was deleted here, and is gone.

        Whether that was told already is not known.
        """
        place = (namespace, name)
        there = self._packed.get(place)
        is_there = there is not None and there.uid == uid
        self._deleted[place] = _Deleted(uid, there.version if there is not None and is_there else 0)
        if len(self._deleted) > MOST_DELETED:
            del self._deleted[next(iter(self._deleted))]
        if is_there:
            self._remove(place)
            self._written.discard(place)

    def _is_over(self, place: Place, uid: str, version: int) -> bool:
        """Whether this was deleted here, or was before what was."""
        deleted = self._deleted.get(place)
        return deleted is not None and (uid == deleted.uid or version <= deleted.version)

    def _put(self, place: Place, packed: Packed) -> None:
        self._remove(place)
        self._packed[place] = packed
        self._names[place[0], packed.value].add(place[1])

    def _remove(self, place: Place) -> None:
        before = self._packed.pop(place, None)
        if before is None:
            return
        by_value = (place[0], before.value)
        self._names[by_value].discard(place[1])
        if not self._names[by_value]:
            del self._names[by_value]


def place_of(body: Object) -> Place:
    return body["metadata"]["namespace"], body["metadata"]["name"]


def version_of(body: Object) -> int:
    """Raises ValueError for a resourceVersion that is no number."""
    return int(body["metadata"]["resourceVersion"])


def _without_others(body: Object) -> Object:
    """The object without what it tells of the fields that others have written, which nobody here asks for."""
    entries = body["metadata"].get("managedFields")
    if entries is None:
        return body
    return {**body, "metadata": {**body["metadata"], "managedFields": list(_ours(entries))}}


def _ours(entries: Iterable[Object]) -> Iterator[Object]:
    for entry in entries:
        if entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply" and "subresource" not in entry:
            yield entry
