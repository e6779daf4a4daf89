"""The store of a collection shows what was told and what was written here, in whatever order they come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weld_operator.adapters.packed_store import PackedStore, Place
from weld_operator.kinds import Object

LABEL = "weldserve.io/model"
NAMES = ("north", "south")
State = str | None
"""What is in a place: the resourceVersion; None where there is nothing."""


def body_of(name: str, version: int, uid: str = "one", model: str = "line") -> Object:
    about = {
        "namespace": "plant-a",
        "name": name,
        "uid": uid,
        "resourceVersion": str(version),
        "labels": {LABEL: model},
    }
    return {"metadata": about, "spec": {"text": f"{name} {version}"}}


def store_of(*bodies: Object, version: int = 10) -> PackedStore:
    """A store that was told of these in a first list."""
    store = PackedStore(LABEL)
    listed = {(body["metadata"]["namespace"], body["metadata"]["name"]): store.pack(body) for body in bodies}
    assert store.tell_all(listed, version) == []
    return store


def names_of(store: PackedStore, model: str = "line") -> list[str]:
    return [body["metadata"]["name"] for body in store.labelled("plant-a", model)]


def test_what_was_listed_is_found_by_name_and_label() -> None:
    store = store_of(body_of("south", 4), body_of("north", 3), body_of("else", 5, model="other"))
    assert store.get("plant-a", "north") == body_of("north", 3)
    assert names_of(store) == ["north", "south"]
    assert store.get("plant-b", "north") is None
    assert store.labelled("plant-b", "line") == []
    assert len(store) == 3


def test_a_changed_label_moves_an_object() -> None:
    store = store_of(body_of("north", 3))
    store.tell(body_of("north", 11, model="stolen"))
    assert names_of(store) == []
    assert names_of(store, "stolen") == ["north"]


def test_what_others_have_set_is_not_kept_of_the_record() -> None:
    body = body_of("north", 3)
    ours = {"manager": "weldserve", "operation": "Apply", "fieldsV1": {"f:spec": {}}}
    theirs = {"manager": "somebody", "operation": "Update", "fieldsV1": {"f:status": {}}}
    status = {**ours, "subresource": "status"}
    body["metadata"]["managedFields"] = [theirs, ours, status]
    kept = store_of(body).get("plant-a", "north")
    assert kept is not None
    assert kept["metadata"]["managedFields"] == [ours]
    assert body["metadata"]["managedFields"] == [theirs, ours, status]


def test_a_list_tells_what_is_gone() -> None:
    store = store_of(body_of("north", 3), body_of("south", 4))
    gone = store.tell_all({("plant-a", "south"): store.pack(body_of("south", 4))}, 20)
    assert gone == [body_of("north", 3)]
    assert names_of(store) == ["south"]


def test_a_write_counts_before_it_is_told() -> None:
    store = store_of(body_of("north", 3))
    store.wrote(body_of("north", 12))
    store.tell(body_of("north", 11))
    assert store.version("plant-a", "north") == 12


def test_an_answer_that_comes_after_it_was_told_changes_nothing() -> None:
    store = store_of(body_of("north", 3))
    store.tell(body_of("north", 11))
    store.tell(body_of("north", 12), is_gone=True)
    store.wrote(body_of("north", 11))
    assert names_of(store) == []


def test_a_bookmark_tells_how_far_everything_is_known() -> None:
    store = store_of()
    store.tell_version(15)
    store.wrote(body_of("north", 14))
    assert names_of(store) == []


def test_what_was_deleted_here_does_not_come_back() -> None:
    store = store_of(body_of("north", 3))
    store.deleted("plant-a", "north", "one")
    store.tell(body_of("north", 11))
    assert names_of(store) == []
    store.tell(body_of("north", 12), is_gone=True)
    store.tell(body_of("north", 13, uid="two"))
    assert names_of(store) == ["north"]


def test_what_was_made_anew_here_outlives_the_news_of_its_predecessor_s_end() -> None:
    store = store_of(body_of("north", 3))
    store.deleted("plant-a", "north", "one")
    store.wrote(body_of("north", 13, uid="two"))
    store.tell(body_of("north", 12), is_gone=True)
    assert store.get("plant-a", "north") == body_of("north", 13, uid="two")


def test_what_was_made_and_deleted_since_a_list_began_does_not_come_back() -> None:
    store = store_of()
    store.deleted("plant-a", "north", "one")
    store.tell_all({}, 10)
    store.tell(body_of("north", 11))
    assert names_of(store) == []


def test_what_was_there_before_what_was_deleted_here_does_not_come_back() -> None:
    store = store_of()
    store.wrote(body_of("north", 13, uid="two"))
    store.deleted("plant-a", "north", "two")
    store.tell(body_of("north", 11, uid="one"))
    assert names_of(store) == []
    store.tell_all({("plant-a", "north"): store.pack(body_of("north", 12, uid="one"))}, 12)
    assert names_of(store) == []


def test_only_the_object_that_was_deleted_goes() -> None:
    store = store_of(body_of("north", 3, uid="two"))
    store.deleted("plant-a", "north", "one")
    assert names_of(store) == ["north"]


def test_a_version_that_is_no_number_is_refused() -> None:
    body = body_of("north", 3)
    body["metadata"]["resourceVersion"] = "abc"
    with pytest.raises(ValueError, match="abc"):
        PackedStore(LABEL).pack(body)


class History:
    """What happened in a cluster, and a store that is told of it late."""

    def __init__(self) -> None:
        self.version = 0
        self.there: dict[str, Object] = {}
        self.events: list[tuple[Object, bool]] = []
        self.states: dict[str, list[State]] = {name: [None] for name in NAMES}
        self.known_since = dict.fromkeys(NAMES, 0)
        """Which of the states of a place the store may be at, at the earliest."""
        self.told = 0
        self.snapshot: tuple[dict[Place, Object], int, int] | None = None
        self.store = store_of(version=0)

    def write(self, name: str, *, here: bool) -> None:
        self.version += 1
        before = self.there.get(name)
        uid = before["metadata"]["uid"] if before else f"uid-{self.version}"
        self.there[name] = body_of(name, self.version, uid)
        self._happened(self.there[name], is_gone=False)
        if here:
            self.store.wrote(self.there[name])
            self.known_since[name] = len(self.states[name]) - 1

    def delete(self, name: str, *, here: bool) -> None:
        """What is deleted here was read here before."""
        if name not in self.there:
            return
        if here:
            self.store.wrote(self.there[name])
        self.version += 1
        body = self.there.pop(name)
        self._happened(body_of(name, self.version, body["metadata"]["uid"]), is_gone=True)
        if here:
            self.store.deleted("plant-a", name, body["metadata"]["uid"])
            self.known_since[name] = len(self.states[name]) - 1

    def _happened(self, body: Object, *, is_gone: bool) -> None:
        self.events.append((body, is_gone))
        self.states[body["metadata"]["name"]].append(None if is_gone else body["metadata"]["resourceVersion"])

    def tell(self) -> None:
        """The watch brings its next event."""
        if self.told < len(self.events) and self.snapshot is None:
            body, is_gone = self.events[self.told]
            self.store.tell(body, is_gone=is_gone)
            self.told += 1

    def begin_list(self) -> None:
        """The watch is broken, and the cluster answers with what there is."""
        bodies = {("plant-a", name): body for name, body in self.there.items()}
        self.snapshot = (bodies, self.version, len(self.events))

    def end_list(self) -> None:
        if self.snapshot is not None:
            bodies, version, self.told = self.snapshot
            self.store.tell_all({place: self.store.pack(body) for place, body in bodies.items()}, version)
            self.snapshot = None

    def shown(self, name: str) -> State:
        body = self.store.get("plant-a", name)
        return None if body is None else str(body["metadata"]["resourceVersion"])

    def check(self) -> None:
        for name in NAMES:
            assert self.shown(name) in self.states[name][self.known_since[name] :]
            assert (name in names_of(self.store)) == (self.shown(name) is not None)

    def finish(self) -> None:
        self.end_list()
        while self.told < len(self.events):
            self.tell()
        for name in NAMES:
            assert self.shown(name) == self.states[name][-1]


acts = st.one_of(
    st.tuples(st.sampled_from(["write", "delete"]), st.sampled_from(NAMES), st.booleans()),
    st.tuples(st.sampled_from(["tell", "tell", "begin_list", "end_list"])),
)


@given(st.lists(acts, max_size=40))
def test_nothing_that_was_done_here_is_ever_unknown_and_in_the_end_all_is_known(acts: list[tuple[str, ...]]) -> None:
    history = History()
    for act, *what in acts:
        if what:
            getattr(history, act)(what[0], here=what[1])
        else:
            getattr(history, act)()
        history.check()
    history.finish()
