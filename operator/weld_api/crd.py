"""The CustomResourceDefinition, generated from the types.

`weldserve crd` prints it; a test compares it with the committed file.
"""

from __future__ import annotations

from typing import Any

import yaml

from weld_api.names import GROUP, KIND, MODEL_NAME_LENGTH, PLURAL, VERSION
from weld_api.schema import CelRule, Schema
from weld_api.spec import WeldModelSpec
from weld_api.status import WeldModelStatus

NAME_RULE = CelRule(
    f"size(self.metadata.name) <= {MODEL_NAME_LENGTH}",
    f"metadata.name must have at most {MODEL_NAME_LENGTH} characters, so that KServe can build host names from it",
)

REGION_NAME_RULE = CelRule(
    f"self.spec.regions.all(region, size(self.metadata.name) + size(region.name) < {MODEL_NAME_LENGTH})",
    f"metadata.name and the name of each of spec.regions must have less than {MODEL_NAME_LENGTH} characters together, "
    "so that KServe can build host names from both",
)

PRINTER_COLUMNS = (
    ("Asset", "string", ".spec.asset.site", "The site that is watched", 0),
    ("Kind", "string", ".spec.asset.kind", "The kind of asset", 1),
    ("Stable", "string", ".status.stable.version", "Version that answers", 0),
    ("Candidate", "string", ".status.candidate.version", "Version on its way, or on trial", 0),
    ("Weight", "integer", ".status.rollout.weight", "Requests of a hundred that the last candidate gets", 0),
    ("Wanted", "string", ".spec.model.version", "Version that is asked for", 1),
    ("Phase", "string", ".status.phase", "The state in one word", 0),
    ("Readings/s", "string", ".status.readingsPerSecond", "Rate that the workload asks for", 0),
    ("Ready", "integer", ".status.replicas.ready", "Replicas that answer", 0),
    ("Desired", "integer", ".status.replicas.desired", "Replicas that should answer", 1),
    ("URL", "string", ".status.url", "Where sensors send readings", 1),
    ("Age", "date", ".metadata.creationTimestamp", "Age of the WeldModel", 0),
)


def custom_resource_definition() -> dict[str, Any]:
    """The whole CRD as a document."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{PLURAL}.{GROUP}",
            "labels": {"app.kubernetes.io/part-of": "weldserve"},
            # With the definition every WeldModel would go: Helm keeps it when its release is uninstalled.
            "annotations": {"helm.sh/resource-policy": "keep"},
        },
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": ["wm"],
                "categories": ["weldserve"],
            },
            "versions": [_version()],
        },
    }


def _version() -> dict[str, Any]:
    return {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [
            {"name": name, "type": kind, "jsonPath": path, "description": description, "priority": priority}
            for name, kind, path, description, priority in PRINTER_COLUMNS
        ],
        "schema": {
            "openAPIV3Schema": {
                "type": "object",
                "description": "WeldModel serves one model that watches one asset.",
                "required": ["spec"],
                "properties": {
                    "apiVersion": {"type": "string"},
                    "kind": {"type": "string"},
                    "metadata": {"type": "object"},
                    "spec": structural_schema(WeldModelSpec),
                    "status": structural_schema(WeldModelStatus),
                },
                "x-kubernetes-validations": [NAME_RULE.as_json(), REGION_NAME_RULE.as_json()],
            }
        },
    }


def structural_schema(model: type[Schema]) -> dict[str, Any]:
    """A type as Kubernetes' structural schema (OpenAPI v3.0, references resolved, no nulls).

    Raises ValueError for a part of JSON schema that structural schemas do not have, so that a new type cannot lose one.
    """
    document = model.model_json_schema(by_alias=True, mode="validation")
    return _structural(document, document.get("$defs", {}))


_COPIED = {
    "type", "description", "enum", "pattern", "format", "minimum", "maximum", "minLength", "maxLength", "minItems",
    "maxItems", "maxProperties", "required", "x-kubernetes-validations", "x-kubernetes-int-or-string",
    "x-kubernetes-preserve-unknown-fields",
}  # fmt: skip
_DROPPED = {"title", "$defs", "additionalProperties"}


def _structural(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for keyword, value in _resolved(node, definitions).items():
        match keyword:
            case "properties":
                schema[keyword] = {name: _structural(child, definitions) for name, child in value.items()}
            case "items":
                schema[keyword] = _structural(value, definitions)
            case "additionalProperties" if isinstance(value, dict):
                schema[keyword] = _structural(value, definitions)
            case "const":
                schema["enum"] = [value]
            case "default":
                if value is not None:
                    schema[keyword] = _without_nulls(value)
            case "exclusiveMinimum" | "exclusiveMaximum":
                # OpenAPI 3.0 has a bound, and says of it whether it is excluded.
                schema[keyword.replace("exclusiveM", "m")] = value
                schema[keyword] = True
            case "anyOf":
                schema[keyword] = value
            case _ if keyword in _COPIED:
                schema[keyword] = " ".join(value.split()) if keyword == "description" else value
            case _ if keyword not in _DROPPED:
                raise ValueError(f"{keyword!r} has no place in a structural schema: {node}")
    if schema.get("x-kubernetes-int-or-string"):
        schema.pop("type", None)
    return schema


def _resolved(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """The node with its reference, and its "or null", replaced by what they stand for."""
    if "$ref" in node:
        target = definitions[node["$ref"].removeprefix("#/$defs/")]
        return _resolved({**target, **{key: value for key, value in node.items() if key != "$ref"}}, definitions)
    choices = [choice for choice in node.get("anyOf", []) if choice != {"type": "null"}]
    if len(choices) == 1:
        return _resolved({**choices[0], **{key: value for key, value in node.items() if key != "anyOf"}}, definitions)
    return node


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(child) for name, child in value.items() if child is not None}
    if isinstance(value, list):
        return [_without_nulls(child) for child in value]
    return value


class _PlainDumper(yaml.SafeDumper):
    """No anchors: a person reads the file."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the signature is yaml's
        return True


def as_yaml() -> str:
    """The CRD as the committed file has it."""
    header = "# Generated from weld_api by `weldserve crd`; edit the types instead.\n"
    document = custom_resource_definition()
    return header + yaml.dump(document, Dumper=_PlainDumper, sort_keys=False, width=120, allow_unicode=True)
