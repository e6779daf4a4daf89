"""Rules that span fields are checked as the CustomResourceDefinition states them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.api.broken_specs import BROKEN, SOUND
from weld_api.schema import Schema
from weld_api.spec import WeldModelSpec
from weld_api.spec_rules import CHECKS, broken_rule, rules_to_check
from weld_api.status import StatusSchema


def spec_with(change: dict[str, Any]) -> WeldModelSpec:
    return WeldModelSpec.model_validate({**SOUND, **change})


@pytest.mark.parametrize(("change", "sentence"), BROKEN.values(), ids=BROKEN.keys())
def test_a_rule_that_is_broken_is_said_by_the_name_of_its_field(change: dict[str, Any], sentence: str) -> None:
    said = broken_rule(spec_with(change))
    assert said is not None
    assert said.startswith(sentence)


@pytest.mark.parametrize("change", [{}, {"rollout": {}}, {"rollout": {"shadow": {}, "steps": []}}])
def test_a_sound_spec_breaks_none(change: dict[str, Any]) -> None:
    assert broken_rule(spec_with(change)) is None


def _types(kind: type[Schema]) -> Iterator[type[Schema]]:
    for each in kind.__subclasses__():
        yield each
        yield from _types(each)


def test_each_rule_of_the_contract_has_its_check() -> None:
    ruled = {kind: len(rules_to_check(kind)) for kind in _types(Schema) if not issubclass(kind, StatusSchema)}
    assert {kind: len(checks) for kind, checks in CHECKS.items()} == {kind: n for kind, n in ruled.items() if n}
