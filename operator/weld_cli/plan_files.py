"""The files that a plan is made from: assets, prices, and the bundle's card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from weld_api.weld_model import sentence
from weld_cli.failures import CommandError
from weld_operator.domain.capacity.assets import PlanAssets, Prices

if TYPE_CHECKING:
    from weld_api.card import BundleCard

Read = TypeVar("Read", bound=BaseModel)


def read_assets(file: Path) -> PlanAssets:
    """Raises CommandError, in one sentence that names file and field."""
    return _read(file, PlanAssets)


def read_prices(file: Path) -> Prices:
    """Raises CommandError, in one sentence that names file and field: a price that is missing is not taken for 0."""
    return _read(file, Prices)


def read_card_of(bundle: Path) -> BundleCard:
    """The card of a bundle whose bytes are sound. Raises BundleError."""
    from weld_bundle.verification import verify

    return verify(bundle).card


def _read(file: Path, kind: type[Read]) -> Read:
    try:
        document = yaml.safe_load(file.read_text("utf-8"))
    except UnicodeDecodeError as error:
        raise CommandError(f"{file} is not UTF-8 text") from error
    except yaml.YAMLError as error:
        raise CommandError(f"{file} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict):
        raise CommandError(f"{file} must be a mapping of fields, such as format and regions")
    return _validated(document, file, kind)


def _validated(document: dict[str, Any], file: Path, kind: type[Read]) -> Read:
    try:
        return kind.model_validate_json(json.dumps(document, default=str), by_alias=True, by_name=False)
    except ValidationError as error:
        raise CommandError(f"{file}: {sentence(error)}") from error
