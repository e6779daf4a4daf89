"""The WeldModels of a file, refused for what an API server would refuse them for."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from weld_api.crd import NAME_RULE
from weld_api.names import API_VERSION, KIND, MODEL_NAME_LENGTH
from weld_api.rollout import Rollout, Step
from weld_api.spec import WeldModelSpec
from weld_api.spec_rules import broken_rule
from weld_api.wave import Wave
from weld_api.weld_model import InvalidWeldModelError, WeldModel, parse_weld_model, sentence
from weld_cli.failures import CommandError
from weld_operator.domain.gates.promql import promql_faults

_GIVEN_BY_THE_API_SERVER = {"namespace": "default", "uid": "none yet", "generation": 1}


@dataclass(frozen=True)
class PlannedModel:
    """A WeldModel that nobody has applied yet; `namespace` is empty where the file leaves it to kubectl."""

    namespace: str
    name: str
    spec: WeldModelSpec

    def __str__(self) -> str:
        return f"WeldModel {self.namespace}/{self.name}" if self.namespace else f"WeldModel {self.name}"


def read_models(file: Path) -> list[PlannedModel]:
    """Each WeldModel of a YAML or JSON file, `-` for standard input; documents of other kinds are passed over.

    Raises CommandError, with one sentence that names the document and the field, for what cannot be honoured.
    """
    named = "standard input" if str(file) == "-" else str(file)
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise CommandError(f"{named} is not UTF-8 text") from error
    try:
        documents = [each for each in yaml.safe_load_all(text) if each is not None]
    except yaml.YAMLError as error:
        raise CommandError(f"{named} is not YAML: {' '.join(str(error).split())}") from error
    models = [_model(document, named) for document in _flat(documents, named) if document.get("kind") == KIND]
    if not models:
        raise CommandError(f"{named} has no {KIND}")
    return models


def _flat(documents: list[Any], named: str) -> Iterator[dict[str, Any]]:
    """The documents, and those in a `kind: List`."""
    for document in documents:
        if not isinstance(document, dict):
            raise CommandError(f"{named} holds {document!r}, which is no Kubernetes object")
        if document.get("kind") == "List":
            yield from _flat(document.get("items") or [], named)
        else:
            yield document


def _model(document: dict[str, Any], named: str) -> PlannedModel:
    metadata = document.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(metadata, dict) or not isinstance(name, str):
        raise CommandError(f"{named}: metadata.name of a {KIND} is required, and is text")
    about = f"{named}: {KIND} {name}"
    if document.get("apiVersion") != API_VERSION:
        raise CommandError(f"{about}: apiVersion is {document.get('apiVersion')!r}, expected {API_VERSION}")
    if len(name) > MODEL_NAME_LENGTH:
        raise CommandError(f"{about}: {NAME_RULE.message}")
    body = {"metadata": {**_GIVEN_BY_THE_API_SERVER, **metadata}, "spec": _without_nulls(document.get("spec"))}
    try:
        # As the API server reads: no number in quotes, no name but the camelCase one.
        spec = WeldModel.model_validate_json(
            json.dumps(body, default=str), strict=True, by_alias=True, by_name=False
        ).spec
        parse_weld_model(body)
    except ValidationError as error:
        raise CommandError(f"{about}: {sentence(error)}") from error
    except InvalidWeldModelError as error:
        raise CommandError(f"{about}: {error}") from error
    if (broken := broken_rule(spec) or _wrong_query(spec)) is not None:
        raise CommandError(f"{about}: {broken}")
    return PlannedModel(str(metadata.get("namespace") or ""), name, spec)


def _wrong_query(spec: WeldModelSpec) -> str | None:
    """What is wrong with a gate's PromQL, which the API server does not read."""
    rollout = spec.rollout
    parts: tuple[Rollout | Step | Wave, ...] = () if rollout is None else (rollout, *rollout.steps, *rollout.waves)
    gates = (gate for part in parts for gate in part.gates)
    return next((fault for gate in gates for fault in promql_faults(gate)), None)


def _without_nulls(value: Any) -> Any:
    """The API server takes a field that is null for one that is absent."""
    if isinstance(value, dict):
        return {name: _without_nulls(each) for name, each in value.items() if each is not None}
    return [_without_nulls(each) for each in value] if isinstance(value, list) else value
