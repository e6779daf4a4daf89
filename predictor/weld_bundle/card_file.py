"""`card.yaml`: the bundle's card as text."""

from __future__ import annotations

import json
from collections.abc import Hashable
from typing import Any

import yaml
from pydantic import ValidationError

from weld_api.card import BundleCard
from weld_bundle.errors import BundleError
from weld_bundle.manifest import CARD
from weld_bundle.sentences import first_problem


class _StrictLoader(yaml.SafeLoader):
    """Plain data only; no aliases (which can grow without bound), and no key twice (of which the last would win)."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "aliases are not allowed", self.get_mark())
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a field's name must be text", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} is given twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_card(content: bytes) -> BundleCard:
    """Raises BundleError, in one sentence, for what is not YAML or not a card."""
    try:
        document = yaml.load(content, Loader=_StrictLoader)  # a SafeLoader: it makes plain data only
    except yaml.MarkedYAMLError as error:
        at = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise BundleError(f"{CARD} is not YAML{at}: {error.problem}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BundleError(f"{CARD} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict):
        raise BundleError(f"{CARD} must be a mapping of fields, such as name and version")
    try:
        # Through JSON, where 1.0 is no text and a date is text: YAML's own guesses at dates do not reach the card.
        return BundleCard.model_validate_json(json.dumps(document, default=str))
    except ValidationError as error:
        raise BundleError(f"{CARD}: {first_problem(error)}") from error
    except (TypeError, ValueError, RecursionError) as error:
        raise BundleError(f"{CARD} holds what no card holds: {error}") from error


def write_card(card: BundleCard) -> bytes:
    """YAML in the order of the card's fields; the same card gives the same bytes."""
    document = card.model_dump(mode="json", exclude_none=True)
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120).encode()
