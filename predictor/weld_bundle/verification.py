"""Whether the bytes of a bundle are those that its digest stands for. Nothing is deserialised here."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from weld_api.card import BundleCard
from weld_bundle.card_file import read_card
from weld_bundle.errors import BundleError
from weld_bundle.folder import read_folder
from weld_bundle.manifest import CARD, CONTENTS, ESTIMATOR, MANIFEST, Manifest, sha256


@dataclass(frozen=True, slots=True)
class Verified:
    """A bundle whose bytes are as its manifest says, not yet loaded."""

    digest: str
    card: BundleCard
    estimator: bytes = field(repr=False)
    """The bytes of `estimator.skops`, as verified."""


def verify(folder: Path, digest: str | None = None) -> Verified:
    """Check the bytes of a bundle against its manifest, and the manifest against `digest` where one is given.

    Raises BundleError for a wrong digest, a missing, surplus or altered file, a link, a file above its size limit, and
    a manifest or card that cannot be read.
    """
    contents = read_folder(folder)
    found = sha256(contents[MANIFEST])
    if digest is not None and found != digest:
        raise BundleError(f"wrong digest: {MANIFEST} has sha256 {found}, but {digest} was asked for")
    manifest = Manifest.from_bytes(contents[MANIFEST])
    _check_contents(manifest, contents)
    return Verified(digest=found, card=read_card(contents[CARD]), estimator=contents[ESTIMATOR])


def _check_contents(manifest: Manifest, contents: dict[str, bytes]) -> None:
    for name in manifest.files:
        if name not in CONTENTS:
            raise BundleError(f"{MANIFEST} lists {name!r}, but a bundle holds {CARD} and {ESTIMATOR} and no more")
    for name in CONTENTS:
        entry = manifest.files.get(name)
        if entry is None:
            raise BundleError(f"{name} is surplus: {MANIFEST} does not list it")
        if len(contents[name]) != entry.size:
            raise BundleError(f"{name} was altered: it has {len(contents[name])} bytes, {MANIFEST} says {entry.size}")
        if (found := sha256(contents[name])) != entry.sha256:
            raise BundleError(f"{name} was altered: its sha256 is {found}, {MANIFEST} says {entry.sha256}")
