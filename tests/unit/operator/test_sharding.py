"""Each WeldModel has one shard, the same wherever it is asked for."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weld_api.names import MODEL_LABEL
from weld_operator.kinds import INFERENCE_SERVICE, WELD_MODEL, Key
from weld_operator.sharding import Shard, shard_of

KEYS = st.builds(Key, st.text("abc-", min_size=1), st.text("xyz.0", min_size=1))


@given(key=KEYS, shards=st.integers(1, 64))
def test_a_weld_model_is_in_one_shard(key: Key, shards: int) -> None:
    assert [Shard(number, shards).has(key) for number in range(shards)].count(True) == 1
    assert Shard(shard_of(key, shards), shards).has(key)


def test_shards_are_of_about_one_size() -> None:
    counts = Counter(shard_of(Key("plant-a", f"line-{number}"), 4) for number in range(2000))
    assert all(400 < count < 600 for count in counts.values())


@pytest.mark.parametrize(("name", "shards", "number"), [("north-line", 3, 2), ("south-line", 3, 1)])
def test_the_shard_is_the_same_in_every_release(name: str, shards: int, number: int) -> None:
    assert shard_of(Key("plant-a", name), shards) == number


def test_an_object_is_of_the_shard_of_its_weld_model() -> None:
    key = Key("plant-a", "north-line")
    number = shard_of(key, 3)
    model = {"metadata": {"namespace": "plant-a", "name": "north-line"}}
    about = {"namespace": "plant-a", "name": "north-line-aaaaaaaa"}
    owner = {"kind": WELD_MODEL.name, "name": "north-line", "uid": "u"}
    for metadata in ({**about, "labels": {MODEL_LABEL: "north-line"}}, {**about, "ownerReferences": [owner]}):
        found = [Shard(each, 3).is_about(INFERENCE_SERVICE, {"metadata": metadata}) for each in range(3)]
        assert found == [each == number for each in range(3)]
    assert Shard(number, 3).is_about(WELD_MODEL, model)
    assert not Shard(number, 3).is_about(INFERENCE_SERVICE, {"metadata": about})
    assert Shard().is_about(INFERENCE_SERVICE, {"metadata": about})
