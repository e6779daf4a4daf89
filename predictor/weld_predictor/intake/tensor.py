"""The values of one tensor, as an array; whole tensors at a time, never value by value.

Little-endian throughout, as the binary tensor extension says.
"""

from __future__ import annotations

import itertools
import math
import struct
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from weld_predictor.intake.fault import RequestError, quoted
from weld_predictor.intake.wire import WireTensor

FP32 = "FP32"
INT64 = "INT64"
INT16 = "INT16"
BYTES = "BYTES"

LONGEST_TEXT = 128
"""Longest element of a BYTES tensor, in bytes: arrays hold texts at one width, so one long text would widen all."""

DTYPES: dict[str, np.dtype[Any]] = {
    FP32: np.dtype("<f4"),
    INT64: np.dtype("<i8"),
    INT16: np.dtype("<i2"),
}
_BITS = {INT64: 64, INT16: 16}
_LENGTH_BYTES = 4
"""Of the length before each element of BYTES."""


def shape_text(sizes: tuple[int | None, ...] | tuple[int, ...]) -> str:
    """`(None, 24)` -> `[N, 24]`."""
    return f"[{', '.join('N' if size is None else str(size) for size in sizes)}]"


def decode(tensor: WireTensor) -> NDArray[Any]:
    """The tensor's values in its shape: float32, int64, int16, or bytes of fixed width.

    JSON's `null` stands for a missing FP32 value and becomes NaN; an FP32 value beyond float32 becomes an infinity.
    Binary numbers are viewed, and copied only where they are not aligned. The caller has bounded the shape.

    Raises RequestError unless the values are as many as the shape says and of the tensor's data type.
    """
    expected = math.prod(tensor.shape)
    if isinstance(tensor.values, memoryview):
        values = _from_binary(tensor, tensor.values, expected)
    elif isinstance(tensor.values, np.ndarray):
        values = _from_array(tensor, tensor.values, expected)
    else:
        values = _from_json(tensor, _flat(tensor, tensor.values), expected)
    return values.reshape(tensor.shape)


def _from_binary(tensor: WireTensor, raw: memoryview, expected: int) -> NDArray[Any]:
    if tensor.datatype == BYTES:
        return _texts_from_binary(tensor, raw, expected)
    dtype = DTYPES[tensor.datatype]
    if len(raw) != expected * dtype.itemsize:
        raise RequestError(
            f"tensor {tensor.name!r}: {len(raw)} bytes came, expected {expected * dtype.itemsize} "
            f"for {tensor.datatype} {shape_text(tensor.shape)}"
        )
    # After the JSON the bytes may start anywhere, and compiled estimators refuse numbers that are not aligned.
    return np.require(np.frombuffer(raw, dtype), requirements=["ALIGNED"])


def _from_array(tensor: WireTensor, values: NDArray[Any], expected: int) -> NDArray[Any]:
    """Numbers of a kind that holds the tensor's data type, as gRPC's typed contents do."""
    _check_number(tensor, len(values), expected)
    if tensor.datatype in _BITS:
        _check_bits(tensor, values)
    return values.astype(DTYPES[tensor.datatype], copy=False)


def _check_number(tensor: WireTensor, came: int, expected: int) -> None:
    if came != expected:
        raise RequestError(
            f"tensor {tensor.name!r}: {came} values came, expected {expected} for shape {shape_text(tensor.shape)}"
        )


def _check_bits(tensor: WireTensor, values: NDArray[np.signedinteger[Any]]) -> None:
    bounds = np.iinfo(DTYPES[tensor.datatype])
    outside = (values < bounds.min) | (values > bounds.max)
    if outside.any():
        raise RequestError(
            f"tensor {tensor.name!r}: {values[outside][0]} came, "
            f"expected whole numbers of {_BITS[tensor.datatype]} bits"
        )


def _flat(tensor: WireTensor, data: list[Any]) -> list[Any]:
    """JSON data in one list; the protocol allows both nested and flat lists, in row-major order."""
    for size in tensor.shape[1:]:
        if not data or type(data[0]) is not list:
            break
        if set(map(type, data)) != {list} or set(map(len, data)) != {size}:
            raise RequestError(
                f"tensor {tensor.name!r}: its nested 'data' does not have the shape {shape_text(tensor.shape)}"
            )
        data = list(itertools.chain.from_iterable(data))
    return data


def _from_json(tensor: WireTensor, data: list[Any], expected: int) -> NDArray[Any]:
    _check_number(tensor, len(data), expected)
    types = set(map(type, data))
    if tensor.datatype == BYTES:
        if types == {bytes}:  # never from JSON
            return _texts(tensor, cast(list[bytes], data))
        _only(tensor, data, types, {str}, "strings")
        texts = cast(list[str], data)
        return _texts(tensor, texts if all(map(str.isascii, texts)) else [text.encode() for text in texts])
    if bits := _BITS.get(tensor.datatype):
        _only(tensor, data, types, {int}, f"whole numbers of {bits} bits")
        try:
            values = np.array(data, np.int64)
        except OverflowError:
            raise RequestError(
                f"tensor {tensor.name!r}: {max(data)} came, expected whole numbers of {bits} bits"
            ) from None
        _check_bits(tensor, values)
        return values.astype(DTYPES[tensor.datatype], copy=False)
    _only(tensor, data, types, {int, float, type(None)}, "numbers")
    with np.errstate(over="ignore"):
        return np.array(data, np.float32)


def _only(tensor: WireTensor, data: list[Any], found: set[type], allowed: set[type], words: str) -> None:
    if found <= allowed:
        return
    wrong = next(value for value in data if type(value) not in allowed)
    raise RequestError(f"tensor {tensor.name!r}: {quoted(wrong)} came among its values, expected {words}")


def texts_from_binary(raw: bytes | memoryview, expected: int) -> NDArray[np.bytes_] | None:
    """`expected` elements of BYTES, [N], each its length in 4 bytes and then its text; None unless all are sound.

    Sound texts have no NUL, so that the upper three bytes of the lengths, all NUL, are the only ones there are.
    """
    if uniform := _uniform_width(raw, expected):
        elements = np.frombuffer(raw, [("length", "<u4"), ("text", f"S{uniform}")])
        if (elements["length"] == uniform).all():
            texts = elements["text"].copy()
            return texts if np.count_nonzero(texts.view(np.uint8)) == expected * uniform else None
    octets = np.frombuffer(raw, np.uint8)
    nul = np.flatnonzero(octets == 0)
    if len(nul) != 3 * expected or not expected:
        return None
    starts = nul[::3] + 3
    lengths = octets[starts - _LENGTH_BYTES].astype(np.int64)
    ends = starts + lengths
    if not (
        starts[0] == _LENGTH_BYTES
        and ends[-1] == len(octets)
        and (starts[1:] == ends[:-1] + _LENGTH_BYTES).all()
        and (nul[1::3] == starts - 2).all()
        and (nul[2::3] == starts - 1).all()
        and lengths.min() >= 1
        and lengths.max() <= LONGEST_TEXT
    ):
        return None
    return _fixed_width(octets, starts, lengths)


def _fixed_width(
    octets: NDArray[np.uint8], starts: NDArray[np.int64], lengths: NDArray[np.int64]
) -> NDArray[np.bytes_]:
    """The texts of `octets` at `starts`, each with its length of 4 bytes before it, as one array."""
    width = int(lengths.max())
    padded = np.concatenate([octets, np.zeros(width, np.uint8)])
    padded[starts - _LENGTH_BYTES] = 0
    at_each_octet: NDArray[np.bytes_] = np.ndarray(len(octets), f"S{width}", padded, strides=(1,))
    texts = at_each_octet[starts]
    if width - int(lengths.min()) > _LENGTH_BYTES:
        # Some reach into the text after the next.
        texts.view(np.uint8).reshape(-1, width)[np.arange(width) >= lengths[:, np.newaxis]] = 0
    return texts


def _texts_from_binary(tensor: WireTensor, raw: memoryview, expected: int) -> NDArray[np.bytes_]:
    texts = texts_from_binary(raw, expected)
    return _texts_one_by_one(tensor, raw, expected) if texts is None else texts


def _texts_one_by_one(tensor: WireTensor, raw: memoryview, expected: int) -> NDArray[np.bytes_]:
    """Slow, and says what is wrong."""
    texts: list[memoryview] = []
    position = 0
    while position < len(raw):
        start = position + 4
        length = struct.unpack_from("<I", raw, position)[0] if start <= len(raw) else None
        if length is None or start + length > len(raw):
            raise RequestError(f"tensor {tensor.name!r}: its bytes end inside element {len(texts)}")
        position = start + length
        texts.append(raw[start:position])
        if len(texts) > expected:
            break
    if len(texts) != expected:
        came = f"more than {expected}" if len(texts) > expected else str(len(texts))
        raise RequestError(
            f"tensor {tensor.name!r}: {came} elements came, expected {expected} for shape {shape_text(tensor.shape)}"
        )
    return _texts(tensor, [bytes(text) for text in texts])


def _uniform_width(raw: bytes | memoryview, expected: int) -> int:
    """The length of every element if all may be of one length, else 0."""
    width, rest = divmod(len(raw), expected) if expected else (0, 0)
    return width - 4 if rest == 0 and 4 < width <= 4 + LONGEST_TEXT else 0


def _texts(tensor: WireTensor, texts: list[bytes] | list[str]) -> NDArray[np.bytes_]:
    """One array of `texts`, which are ASCII if they are `str`."""
    lengths = list(map(len, texts))
    for wrong in {min(lengths), max(lengths)} if lengths else set():
        if not 1 <= wrong <= LONGEST_TEXT:
            raise RequestError(
                f"tensor {tensor.name!r}: element {lengths.index(wrong)} has {wrong} bytes, "
                f"expected 1 to {LONGEST_TEXT}"
            )
    return _without_nul(tensor, np.array(texts, np.bytes_), sum(lengths))


def _without_nul(tensor: WireTensor, texts: NDArray[np.bytes_], total_bytes: int) -> NDArray[np.bytes_]:
    """numpy pads texts with NUL, so a text that ends in NUL would be confused with one that does not."""
    if np.count_nonzero(texts.view(np.uint8)) != total_bytes:
        raise RequestError(f"tensor {tensor.name!r}: an element contains a NUL byte, expected text")
    return texts
