"""Arrays of an estimator: numpy's `.npy` files, without Python objects."""

from __future__ import annotations

import io
import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from weld_bundle.archive import Archive
from weld_bundle.errors import BundleError
from weld_bundle.manifest import ESTIMATOR
from weld_bundle.nodes import Node

Array: TypeAlias = npt.NDArray[Any]


def read_array(archive: Archive, node: Node) -> Array:
    """The array that a node of kind `NdArrayNode of numpy` stands for.

    Raises BundleError when its file is absent, is not in numpy's format, holds Python objects, or announces another
    size than it has (numpy would allocate what is announced before it reads).
    """
    name = node["file"]
    content = archive.arrays.get(name) if isinstance(name, str) else None
    if content is None:
        raise BundleError(f"{ESTIMATOR} is broken: the array {name!r} is not in the archive")
    return _decode(str(name), content)


def without_padding(archive: Archive) -> Archive:
    """The archive with the gaps between an array's fields filled with zeros.

    The nodes of a tree have such gaps, and what memory happened to hold there is stored with them.
    Raises BundleError as `read_array` does.
    """
    return Archive(archive.schema, {name: _clear(name, content) for name, content in archive.arrays.items()})


def _clear(name: str, content: bytes) -> bytes:
    array = _decode(name, content)
    if array.dtype.names is None:
        return content
    cleared = np.zeros(array.shape, array.dtype)
    for field in array.dtype.names:
        cleared[field] = array[field]
    buffer = io.BytesIO()
    np.save(buffer, cleared, allow_pickle=False)
    return buffer.getvalue()


def _decode(name: str, content: bytes) -> Array:
    try:
        _check_size(content)
        return np.asarray(np.load(io.BytesIO(content), allow_pickle=False))
    except (EOFError, KeyError, OverflowError, SyntaxError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise BundleError(f"{ESTIMATOR} is broken: {name} is not an array of numbers: {reason}") from error


def _check_size(content: bytes) -> None:
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    elif version == (2, 0):
        shape, _, dtype = np.lib.format.read_array_header_2_0(file)
    else:
        raise ValueError(f"version {version} of numpy's format is not read")
    if dtype.hasobject:
        raise ValueError("it holds Python objects")
    announced, found = math.prod(shape) * dtype.itemsize, len(content) - file.tell()
    if announced != found:
        raise ValueError(f"it announces {announced} bytes and has {found}")
