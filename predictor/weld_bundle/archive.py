"""`estimator.skops`: skops' zip archive, and the one form of it that a bundle holds.

skops writes `schema.json`, a tree of nodes that says what to build, and one `.npy` file for each array. It names nodes
and arrays by memory addresses and stamps each file with the time, so that storing one estimator twice gives different
bytes. The canonical form numbers nodes and arrays in the order of the tree, keeps equal arrays once, writes the schema
compactly, and stores every file uncompressed with one fixed date: the same estimator gives the same bytes, hence the
same digest. Loading insists on that form, so an archive has no room for anything that the audit does not see.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from typing import TypeAlias

from weld_bundle.errors import BundleError
from weld_bundle.folder import PICKLE_SUFFIXES, SIZE_LIMITS
from weld_bundle.manifest import ESTIMATOR
from weld_bundle.nodes import SCHEMA, Node, iterate

_EARLIEST_DATE = (1980, 1, 1, 0, 0, 0)
_PICKLE_START = b"\x80"

Arrays: TypeAlias = dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Archive:
    """What a skops archive holds: the tree of nodes, and the arrays' files by name."""

    schema: Node
    arrays: Arrays


def parse(content: bytes) -> Archive:
    """Read a skops archive, compressed or not, without building anything.

    Raises BundleError for a pickle, for what is no zip or no skops archive, and for one that unpacks to more than an
    estimator may have.
    """
    if content.startswith(_PICKLE_START):
        raise BundleError(f"{ESTIMATOR} is a pickle, which can run code when it is loaded: store it with skops instead")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = _read_members(archive)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, OSError, RuntimeError, ValueError) as error:
        raise BundleError(f"{ESTIMATOR} is not a readable skops archive: {error}") from error
    if SCHEMA not in members:
        raise BundleError(f"{ESTIMATOR} is not a skops archive: it has no {SCHEMA}")
    try:
        schema = json.loads(members.pop(SCHEMA))
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{ESTIMATOR} is not a readable skops archive: {SCHEMA} is not JSON: {error}") from error
    return Archive(schema, members)


def canonical(archive: Archive) -> bytes:
    """The archive in the form of this module's description.

    Raises BundleError for a tree that `weld_bundle.nodes` does not understand and for arrays that are not there.
    """
    schema: Node = json.loads(json.dumps(archive.schema))
    arrays: dict[bytes, str] = {}
    for number, node in enumerate(iterate(schema), start=1):
        if "__id__" in node:
            node["__id__"] = number
        if "file" in node:
            content = archive.arrays.get(node["file"]) if isinstance(node["file"], str) else None
            if content is None:
                raise BundleError(f"{ESTIMATOR} is broken: the array {node['file']!r} is not in the archive")
            node["file"] = arrays.setdefault(content, f"{len(arrays) + 1}.npy")
    schema_file = json.dumps(schema, separators=(",", ":")).encode()
    return _write({SCHEMA: schema_file, **{name: content for content, name in arrays.items()}})


def _read_members(archive: zipfile.ZipFile) -> dict[str, bytes]:
    limit = SIZE_LIMITS[ESTIMATOR]
    members = archive.infolist()
    if sum(member.file_size for member in members) > limit:
        raise BundleError(f"{ESTIMATOR} unpacks to more than the {limit} bytes that are allowed")
    contents: dict[str, bytes] = {}
    for member in members:
        name = member.filename
        if name.lower().endswith(PICKLE_SUFFIXES):
            raise BundleError(f"{ESTIMATOR} holds a pickle, {name!r}, which can run code when it is loaded")
        if name in contents or (name != SCHEMA and not name.endswith(".npy")):
            raise BundleError(f"{ESTIMATOR} holds {name!r}, which does not belong in an estimator's archive")
        contents[name] = archive.read(member)
        if contents[name].startswith(_PICKLE_START):
            raise BundleError(f"{ESTIMATOR} holds a pickle, {name!r}, which can run code when it is loaded")
    return contents


def _write(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            member = zipfile.ZipInfo(name, _EARLIEST_DATE)
            member.create_system = 3  # Unix, wherever it is written
            member.external_attr = 0o644 << 16
            archive.writestr(member, content)
    return buffer.getvalue()
