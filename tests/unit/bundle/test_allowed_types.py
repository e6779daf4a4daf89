"""The list of allowed types names types that exist, and skops writes what the grammar reads."""

from __future__ import annotations

import importlib
import json
import zipfile
from io import BytesIO

import pytest
import skops.io

from tests.unit.bundle.samples import linear
from weld_bundle.audit import ALLOWED_TYPES, TRUSTED
from weld_bundle.fit import public_name
from weld_bundle.nodes import PROTOCOL, iterate, kind_of


@pytest.mark.parametrize("name", TRUSTED)
def test_an_allowed_type_exists(name: str) -> None:
    module, _, type_name = name.rpartition(".")
    assert isinstance(getattr(importlib.import_module(module), type_name), type)


def test_skops_writes_the_protocol_that_is_read() -> None:
    with zipfile.ZipFile(BytesIO(skops.io.dumps(linear()))) as archive:
        schema = json.loads(archive.read("schema.json"))
    assert schema["protocol"] == PROTOCOL
    assert {kind_of(node) for node in iterate(schema)} <= ALLOWED_TYPES.keys()


@pytest.mark.parametrize(
    ("full", "public"),
    [
        ("sklearn.ensemble._forest.RandomForestClassifier", "sklearn.ensemble.RandomForestClassifier"),
        ("sklearn.pipeline.Pipeline", "sklearn.pipeline.Pipeline"),
        ("sklearn.ensemble._a.b.X", "sklearn.ensemble.X"),
    ],
)
def test_a_type_goes_by_its_public_name(full: str, public: str) -> None:
    assert public_name(full) == public
