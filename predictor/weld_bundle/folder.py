"""Reading a bundle's folder: every byte once, and nothing but what belongs there."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from weld_bundle.errors import BundleError
from weld_bundle.manifest import CARD, CONTENTS, ESTIMATOR, MANIFEST

MEBIBYTE = 1 << 20

SIZE_LIMITS = {MANIFEST: MEBIBYTE // 16, CARD: 4 * MEBIBYTE, ESTIMATOR: 256 * MEBIBYTE}
"""Largest size of each file, in bytes; a larger one is refused before it is read."""

PICKLE_SUFFIXES = (".pkl", ".pickle", ".joblib", ".dill")


def read_folder(folder: Path) -> dict[str, bytes]:
    """The contents of a bundle's three files, by name.

    The files are read into memory once, and everything later works on these bytes: what is verified is what is loaded.
    The folder itself may be a symbolic link (mounts are); an entry of it may not. Hidden files and `lost+found` count
    as surplus: serve a bundle from a folder of its own.

    Raises BundleError for a missing folder or file, a surplus entry, a link, or a file above its size limit.
    """
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError as error:
        raise BundleError(f"bundle folder {folder} does not exist") from error
    except OSError as error:
        raise BundleError(f"bundle folder {folder} cannot be read: {error.strerror}") from error
    try:
        found = sorted(os.listdir(handle))
        for name in found:
            _check_belongs(name)
        for name in (MANIFEST, *CONTENTS):
            if name not in found:
                raise BundleError(f"{name} is missing in bundle folder {folder}")
        return {name: _read_file(handle, name) for name in (MANIFEST, *CONTENTS)}
    finally:
        os.close(handle)


def _check_belongs(name: str) -> None:
    if name in SIZE_LIMITS:
        return
    shown = name if name.isprintable() else repr(name)
    if name.lower().endswith(PICKLE_SUFFIXES):
        raise BundleError(f"{shown} is a pickle by its name: a bundle holds none, because loading one can run code")
    raise BundleError(f"{shown} does not belong in a bundle: it holds {MANIFEST}, {CARD} and {ESTIMATOR} and no more")


def _read_file(folder: int, name: str) -> bytes:
    """Read one regular file of an open folder, at most its limit; a link is not followed."""
    try:
        # Without O_NONBLOCK, opening a named pipe would wait for its writer.
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise BundleError(f"{name} is a symbolic link: a bundle's files must be in its folder") from error
        raise BundleError(f"{name} cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise BundleError(f"{name} is not a regular file")
    limit = SIZE_LIMITS[name]
    with os.fdopen(handle, "rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise BundleError(f"{name} is larger than the {limit} bytes that are allowed")
    return content
