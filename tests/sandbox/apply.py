"""Applies manifests of any kind by server-side apply, as `kubectl apply --server-side` does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import yaml

from tests.sandbox.kube_api import ApiError, KubeApi, Object, path_of

MANAGER = "sandbox"
SERVED_WITHIN_SECONDS = 60
SERVED_PAUSE_SECONDS = 0.1

# Whatever others need comes first.
_RANKS = {"CustomResourceDefinition": 0, "Namespace": 1}
_OTHERS = 2


class ApplyError(Exception):
    """A document cannot be applied; the text names it and says why."""


class Resource(NamedTuple):
    """Where objects of a kind are found."""

    plural: str
    namespaced: bool


def read_documents(*paths: Path) -> list[Object]:
    """The YAML documents of files, and of the .yaml files of folders in the order of their names."""
    documents: list[Object] = []
    for path in paths:
        for file in sorted(path.glob("*.yaml")) if path.is_dir() else [path]:
            documents += [document for document in yaml.load_all(file.read_text(), _LOADER) if document]
    return documents


# Both read plain data only; the one from libyaml, where there is one, reads a schema of 2 MB in one second, not ten.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


async def install_manifests(api: KubeApi, *paths: Path, manager: str = MANAGER) -> list[Object]:
    """Apply the YAML files and folders named; see `apply_documents`."""
    return await apply_documents(api, await asyncio.to_thread(read_documents, *paths), manager=manager)


async def apply_documents(
    api: KubeApi, documents: Iterable[Object], *, manager: str = MANAGER, namespace: str = "default"
) -> list[Object]:
    """Apply each document, and return what the API server made of them, in the order in which they were applied.

    CustomResourceDefinitions go first, and are waited for until each of their versions can be listed; then Namespaces;
    the rest keeps its order. `namespace` is for namespaced objects that name none. Raises ApplyError.
    """
    applied: list[Object] = []
    by_rank = sorted(documents, key=lambda document: _RANKS.get(document["kind"], _OTHERS))
    definitions = [document for document in by_rank if document["kind"] == "CustomResourceDefinition"]
    applied += await asyncio.gather(*(_define(api, definition, manager) for definition in definitions))
    known: dict[str, dict[str, Resource]] = {}
    for document in by_rank[len(definitions) :]:
        version = document["apiVersion"]
        if version not in known:
            known[version] = await served_kinds(api, version)
        resource = known[version].get(document["kind"])
        if resource is None:
            raise ApplyError(f"{_title(document)}: the API server serves no kind {document['kind']} in {version}")
        home = document["metadata"].get("namespace", namespace) if resource.namespaced else None
        applied.append(await _apply(api, document, resource.plural, home, manager))
    return applied


async def wait_until_served(api: KubeApi, definition: Object) -> None:
    """Wait until each served version of a CustomResourceDefinition can be listed and is announced.

    Both come later than the condition `Established`. Raises ApplyError.
    """
    spec = definition["spec"]
    deadline = time.monotonic() + SERVED_WITHIN_SECONDS
    for version in (version["name"] for version in spec["versions"] if version["served"]):
        while not await _is_served(api, f"{spec['group']}/{version}", spec["names"]):
            if time.monotonic() > deadline:
                raise ApplyError(f"{_title(definition)}: not served in {version} after {SERVED_WITHIN_SECONDS} s")
            await asyncio.sleep(SERVED_PAUSE_SECONDS)


async def _is_served(api: KubeApi, version: str, names: Object) -> bool:
    if names["kind"] not in await served_kinds(api, version):
        return False
    return await api.get_or_none(f"{path_of(version, names['plural'])}?limit=1") is not None


async def _define(api: KubeApi, definition: Object, manager: str) -> Object:
    applied = await _apply(api, definition, "customresourcedefinitions", None, manager)
    await wait_until_served(api, applied)
    return applied


async def _apply(api: KubeApi, document: Object, plural: str, namespace: str | None, manager: str) -> Object:
    path = path_of(document["apiVersion"], plural, namespace, document["metadata"]["name"])
    try:
        return await api.apply(path, document, manager=manager)
    except ApiError as error:
        raise ApplyError(f"{_title(document)}: {error.message}") from error


async def served_kinds(api: KubeApi, version: str) -> dict[str, Resource]:
    listing = await api.get_or_none("/api/v1" if version == "v1" else f"/apis/{version}")
    return {
        resource["kind"]: Resource(resource["name"], resource["namespaced"])
        for resource in (listing or {}).get("resources", [])
        if "/" not in resource["name"]
    }


def _title(document: Object) -> str:
    return f"{document['kind']} {document['metadata']['name']}"
