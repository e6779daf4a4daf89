"""CustomResourceDefinitions around schemas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.sandbox.kube_api import Object
from tests.sandbox.openapi_schema import ANY_OBJECT, STRING, Schema, an_object


@dataclass(frozen=True)
class Kind:
    """What a definition says about a kind beside its schema; the first version is the stored one."""

    group: str
    kind: str
    plural: str
    versions: Sequence[str]
    namespaced: bool = True
    short_names: Sequence[str] = ()
    has_status: bool = True
    columns: Sequence[tuple[str, str]] = ()  # what `kubectl get` shows: a heading and a JSON path


def definition(kind: Kind, spec: Schema, status: Schema = ANY_OBJECT) -> Object:
    """The CustomResourceDefinition of a kind, with the same schema in each of its versions."""
    schema = an_object("spec", apiVersion=STRING, kind=STRING, metadata={"type": "object"}, spec=spec)
    if kind.has_status:
        schema["properties"]["status"] = status
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{kind.plural}.{kind.group}",
            # Asked for by the API server for groups of Kubernetes' own, such as the Gateway API's.
            "annotations": {"api-approved.kubernetes.io": "unapproved, a schema for tests"},
        },
        "spec": {
            "group": kind.group,
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "names": {
                "kind": kind.kind,
                "listKind": f"{kind.kind}List",
                "plural": kind.plural,
                "singular": kind.kind.lower(),
                "shortNames": list(kind.short_names),
            },
            "versions": [_version(kind, name, schema) for name in kind.versions],
        },
    }


def _version(kind: Kind, name: str, schema: Schema) -> Object:
    return {
        "name": name,
        "served": True,
        "storage": name == kind.versions[0],
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}} if kind.has_status else {},
        "additionalPrinterColumns": [
            {"name": heading, "jsonPath": path, "type": "string"} for heading, path in kind.columns
        ],
    }
