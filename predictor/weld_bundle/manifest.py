"""`manifest.json`: size and SHA-256 of every other file of a bundle."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from weld_api.schema import Schema
from weld_api.spec import SHA256_PATTERN
from weld_bundle.errors import BundleError
from weld_bundle.sentences import first_problem

MANIFEST = "manifest.json"
CARD = "card.yaml"
ESTIMATOR = "estimator.skops"
CONTENTS = (CARD, ESTIMATOR)
"""The files that a manifest lists: all of these and no others."""


def sha256(content: bytes) -> str:
    """64 lower-case hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


class FileEntry(Schema):
    """One file of the bundle."""

    sha256: Annotated[str, Field(pattern=SHA256_PATTERN)]
    size: Annotated[int, Field(ge=0, description="Bytes.")]


class Manifest(Schema):
    """The list of a bundle's files."""

    format: Literal["weldserve.io/manifest/v1"] = "weldserve.io/manifest/v1"
    files: dict[str, FileEntry]

    @classmethod
    def of(cls, contents: Mapping[str, bytes]) -> Manifest:
        """The manifest of these files, by name."""
        return cls(
            files={name: FileEntry(sha256=sha256(content), size=len(content)) for name, content in contents.items()}
        )

    def to_bytes(self) -> bytes:
        """The one way in which this manifest is written: sorted keys, two spaces, one newline at the end."""
        return (json.dumps(self.model_dump(mode="json"), sort_keys=True, indent=2) + "\n").encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Manifest:
        """Raises BundleError unless the bytes are a manifest in the form that `to_bytes` writes."""
        try:
            manifest = cls.model_validate(json.loads(content))
        except ValidationError as error:
            raise BundleError(f"{MANIFEST}: {first_problem(error)}") from error
        except (ValueError, RecursionError) as error:
            raise BundleError(f"{MANIFEST} is not JSON: {error}") from error
        if manifest.to_bytes() != content:
            raise BundleError(f"{MANIFEST} is not written as `weldserve bundle pack` writes it")
        return manifest
