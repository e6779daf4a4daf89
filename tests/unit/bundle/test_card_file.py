"""A card is read as it was written, or one sentence names the field that is wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from tests.unit.bundle.samples import boosted, card_for
from weld_bundle.card_file import read_card, write_card
from weld_bundle.errors import BundleError

SOUND = write_card(card_for(boosted())).decode()


def test_a_card_is_read_as_it_was_written() -> None:
    card = card_for(boosted(), created=datetime(2026, 8, 1, 12, tzinfo=UTC), description="Größe in µm")
    assert read_card(write_card(card)) == card


def test_a_date_may_be_written_as_yaml_has_it() -> None:
    card = read_card((SOUND + "created: 2026-08-01 12:00:00Z\n").encode())
    assert card.created == datetime(2026, 8, 1, 12, tzinfo=UTC)


def _replaced(old: str, new: str) -> Callable[[], str]:
    assert old in SOUND
    return lambda: SOUND.replace(old, new, 1)


WRONG_CARDS: dict[str, tuple[Callable[[], str], str]] = {
    "empty": (lambda: "", "card.yaml must be a mapping of fields"),
    "a list": (lambda: "- 1", "card.yaml must be a mapping of fields"),
    "broken YAML": (_replaced("name: sample", "name: [sample"), "card.yaml is not YAML in line"),
    "an object of Python": (_replaced("name: sample", "name: !!python/name:os.system x"), "card.yaml is not YAML"),
    "an alias": (lambda: SOUND + "description: *x\n", "aliases are not allowed"),
    "a field given twice": (lambda: SOUND + "name: other\n", "'name' is given twice"),
    "an unknown format": (_replaced("card/v1", "card/v9"), "card.yaml: format"),
    "an unknown field": (lambda: SOUND + "color: red\n", "card.yaml: color is not a known field"),
    "a missing field": (_replaced("decisionThreshold: 0.5\n", ""), "card.yaml: decisionThreshold is missing"),
    "a version that is a number": (_replaced("version: 1.0.0", "version: 1.0"), "card.yaml: version: "),
    "a name in capitals": (_replaced("name: sample", "name: Sample"), "card.yaml: name: "),
    "a threshold of 1": (_replaced("decisionThreshold: 0.5", "decisionThreshold: 1"), "card.yaml: decisionThreshold: "),
    "an infinite range": (_replaced("maximum: 5.0", "maximum: .inf"), "card.yaml: inputs[0].maximum: "),
    "an inverted range": (_replaced("maximum: 5.0", "maximum: -6"), "maximum -6.0"),
    "an input named twice": (_replaced("name: x1", "name: x0"), "card.yaml: inputs: 'x0' is named twice"),
    "another dtype": (_replaced("dtype: float32", "dtype: float64"), "card.yaml: inputs[0].dtype: "),
    "no scikit-learn": (_replaced("scikit-learn:", "numpy:"), "card.yaml: libraries: the version of scikit-learn"),
    "a date without zone": (lambda: SOUND + "created: 2026-08-01T12:00:00\n", "card.yaml: created: "),
    "a key that is a list": (lambda: SOUND + "? [1]\n: 2\n", "card.yaml is not YAML"),
    "endless nesting": (lambda: "a: " + "[" * 1_000, "card.yaml is not YAML"),
    "bytes": (lambda: "\x00", "card.yaml is not YAML"),
}


@pytest.mark.parametrize("case", WRONG_CARDS)
def test_a_wrong_card_is_refused_with_the_field_named(case: str) -> None:
    make, sentence = WRONG_CARDS[case]
    with pytest.raises(BundleError) as refused:
        read_card(make().encode())
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)
