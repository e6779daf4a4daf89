"""The CustomResourceDefinitions that KServe, the Gateway API and KEDA would bring into a cluster.

The published ones are taken where they lie beside the repository (`../shared/crds`); elsewhere, and when
WELDSERVE_SANDBOX_SCHEMAS=minimal is set, the rig makes its own from the KServe SDK's types.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Collection
from enum import StrEnum
from pathlib import Path

from tests.sandbox.apply import apply_documents, read_documents
from tests.sandbox.gateway_api_schemas import gateway_api_definitions
from tests.sandbox.keda_schemas import keda_definitions
from tests.sandbox.kube_api import KubeApi, Object

REPOSITORY = Path(__file__).resolve().parents[2]
PUBLISHED_FOLDER = REPOSITORY.parent / "shared" / "crds"
CHOICE = "WELDSERVE_SANDBOX_SCHEMAS"

SDK_LIMIT_SECONDS = 120


class Source(StrEnum):
    """Where the definitions come from."""

    PUBLISHED = "published"
    MINIMAL = "minimal"


def choose_source(choice: str | None, *, published_there: bool) -> Source:
    """The source to use, from what WELDSERVE_SANDBOX_SCHEMAS says; ValueError when it says something else."""
    if not choice:
        return Source.PUBLISHED if published_there else Source.MINIMAL
    if choice not in list(Source):
        raise ValueError(f"{CHOICE} is {choice!r}, it must be one of {', '.join(Source)}")
    return Source(choice)


def configured_source() -> Source:
    """The source that a test run uses: what WELDSERVE_SANDBOX_SCHEMAS says, else what is there."""
    return choose_source(os.environ.get(CHOICE), published_there=PUBLISHED_FOLDER.is_dir())


async def install_schemas(
    api: KubeApi, source: Source | None = None, *, kinds: Collection[str] | None = None
) -> Source:
    """Install the definitions, wait until each kind can be listed, and say which ones they were.

    Without a `source` it is `configured_source()`. `kinds`: of these alone, where they are named, as a whole set costs
    an API server seconds. Raises ApplyError when the API server refuses one.
    """
    chosen = source or configured_source()
    read = _published if chosen is Source.PUBLISHED else _minimal
    documents = await asyncio.to_thread(read)
    await apply_documents(api, [each for each in documents if kinds is None or _defines(each, kinds)])
    return chosen


def _defines(document: Object, kinds: Collection[str]) -> bool:
    return document["kind"] == "CustomResourceDefinition" and document["spec"]["names"]["kind"] in kinds


def _published() -> list[Object]:
    return read_documents(*sorted(folder for folder in PUBLISHED_FOLDER.iterdir() if folder.is_dir()))


def _minimal() -> list[Object]:
    printed = subprocess.run(
        [sys.executable, "-m", "tests.sandbox.kserve_schemas"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        timeout=SDK_LIMIT_SECONDS,
        check=True,
    ).stdout
    of_kserve: list[Object] = json.loads(printed)
    return of_kserve + gateway_api_definitions() + keda_definitions()
