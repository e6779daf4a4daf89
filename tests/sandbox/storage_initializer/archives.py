"""Unpacking archives without letting them write outside their folder."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path, PurePosixPath

TAR_ENDINGS = (".tar.gz", ".tgz", ".tar")


class ArchiveError(Exception):
    """An archive that is broken, or that would write outside its folder; the text says which file."""


def is_archive(name: str) -> bool:
    """Whether a file of this name is unpacked rather than kept."""
    return name.endswith((*TAR_ENDINGS, ".zip"))


def unpack(archive: Path, name: str, destination: Path) -> None:
    """Unpack a tar or zip archive, which kind its `name` says, into an existing folder; raises ArchiveError."""
    try:
        if name.endswith(".zip"):
            _unpack_zip(archive, destination)
        else:
            with tarfile.open(archive) as tar:
                tar.extractall(destination, filter="data")
    except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
        raise ArchiveError(str(error)) from error


def _unpack_zip(archive: Path, destination: Path) -> None:
    with zipfile.ZipFile(archive) as file:
        for entry in file.namelist():
            # zipfile would quietly write such an entry elsewhere in the folder.
            if PurePosixPath(entry).is_absolute() or ".." in PurePosixPath(entry).parts:
                raise ArchiveError(f"{entry!r} would be extracted outside the destination")
        file.extractall(destination)
