"""Making a bundle."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import skops.io
from skops.io.exceptions import UnsupportedTypeException

from weld_api.card import BundleCard
from weld_bundle.archive import canonical, parse
from weld_bundle.arrays import without_padding
from weld_bundle.card_file import write_card
from weld_bundle.errors import BundleError
from weld_bundle.loading import load
from weld_bundle.manifest import CARD, ESTIMATOR, MANIFEST, Manifest, sha256


def pack(estimator: Any, card: BundleCard, folder: Path) -> str:
    """Write a fitted estimator and its card as a bundle and return the bundle's digest.

    The same estimator and card give the same digest. `folder` appears whole or not at all.

    Raises BundleError when `folder` is there already and not empty, and for all that `load` would refuse.
    """
    try:
        archive = skops.io.dumps(estimator)
    except (AttributeError, TypeError, UnsupportedTypeException) as error:
        raise BundleError(f"the estimator cannot be stored: {' '.join(str(error).split())}") from error
    return pack_archive(archive, card, folder)


def pack_archive(content: bytes, card: BundleCard, folder: Path) -> str:
    """As `pack`, for an estimator that `skops.io.dump` has stored."""
    contents = {CARD: write_card(card), ESTIMATOR: canonical(without_padding(parse(content)))}
    manifest = Manifest.of(contents).to_bytes()
    digest = sha256(manifest)
    _write_folder({**contents, MANIFEST: manifest}, digest, folder)
    return digest


def _write_folder(contents: dict[str, bytes], digest: str, folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BundleError(f"{folder} is there already; a bundle is written into a new folder")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".bundle-", dir=folder.parent) as beside:
            new = Path(beside) / "bundle"
            new.mkdir()
            for name, content in contents.items():
                (new / name).write_bytes(content)
            load(new, digest)
            new.rename(folder)
    except OSError as error:
        raise BundleError(f"{folder} cannot be written: {error.strerror}") from error
