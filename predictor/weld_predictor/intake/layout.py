"""Where the columns of a request lie among its bytes, found once for all requests whose envelope is the same.

A client's binary requests differ in their values alone: the envelope - names, data types, shapes and sizes - is the
same bytes each time. So it is read and checked once, and what it says is remembered by these bytes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from weld_predictor.intake.fault import RequestError
from weld_predictor.intake.form import FEATURES, SAMPLED_AT, SENSOR_ID, InputForm
from weld_predictor.intake.readings import Readings
from weld_predictor.intake.tensor import BYTES, DTYPES, FP32, INT64, decode, texts_from_binary
from weld_predictor.intake.wire import WireTensor

_FLOAT, _LONG = DTYPES[FP32], DTYPES[INT64]
_NAN = np.array(np.nan, _FLOAT).tobytes()


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of N readings in a body of `length` bytes."""

    readings: int
    length: int
    features: slice
    """The features that the sensor measured, [N, M]."""
    sensor_id: slice
    numbered: bool
    """Whether sensors go by number, not by name."""
    sampled_at: slice
    context: Mapping[str, slice]
    """What the plant measured, by name."""
    unread: tuple[str, ...]
    """Of `context`, what the card does not ask for."""
    timed: bool
    """Whether the sampling times count."""

    @classmethod
    def of(
        cls,
        tensors: Mapping[str, WireTensor],
        places: Mapping[str, slice],
        length: int,
        form: InputForm,
        timed: bool = True,
    ) -> Self | None:
        """The layout of a body of `length` bytes with `tensors`, each at its place.

        None unless it has features, all its numbers are in binary, and as many as their shapes say.
        """
        if FEATURES not in tensors or not all(_is_sound(tensors[name], places.get(name)) for name in tensors):
            return None
        needed = {FEATURES, SENSOR_ID, SAMPLED_AT}
        return cls(
            readings=tensors[FEATURES].shape[0],
            length=length,
            features=places[FEATURES],
            sensor_id=places[SENSOR_ID],
            numbered=tensors[SENSOR_ID].datatype == INT64,
            sampled_at=places[SAMPLED_AT],
            context={name: places[name] for name in tensors if name not in needed},
            unread=form.unread(tensors),
            timed=timed,
        )


def _is_sound(tensor: WireTensor, place: slice | None) -> bool:
    if place is None:
        return False
    dtype = DTYPES.get(tensor.datatype)
    return dtype is None or place.stop - place.start == dtype.itemsize * math.prod(tensor.shape)


def read_columns(bodies: Sequence[tuple[Layout, bytes]], form: InputForm) -> Readings:
    """The readings of all `bodies`, in their order; their sensors all go by number, or all by name.

    A single body is viewed where its numbers are aligned. Raises RequestError if a sensor's name is none: of a single
    body with the sentence for its client, of several without saying whose it is.
    """
    views = [(layout, memoryview(body)) for layout, body in bodies]
    count = sum([layout.readings for layout, _ in views])
    sensors = [view[layout.sensor_id] for layout, view in views]
    sensor_id = _numbers(sensors, _LONG) if views[0][0].numbered else _names(sensors, count)
    measured = _numbers([view[layout.features] for layout, view in views], _FLOAT).reshape(count, -1)
    sampled_at = _numbers([view[layout.sampled_at] for layout, view in views], _LONG)
    return Readings(
        _with_context(measured, views, form), sensor_id, sampled_at, untimed=_untimed(views), unread=_unread(views)
    )


def _names(pieces: list[memoryview], count: int) -> NDArray[np.bytes_]:
    names = texts_from_binary(_bytes_of(pieces), count)
    if names is not None:
        return names
    if len(pieces) > 1:
        raise RequestError(f"one of {count} names of sensors is none")
    return decode(WireTensor(SENSOR_ID, BYTES, (count,), pieces[0]))


def _with_context(
    measured: NDArray[np.float32], views: Sequence[tuple[Layout, memoryview]], form: InputForm
) -> NDArray[np.float32]:
    if not form.context:
        return measured
    columns = np.empty((len(measured), form.columns), np.float32)
    columns[:, form.measured_columns] = measured
    for name, column in form.context.items():
        columns[:, column] = _context_of(views, name)
    return columns


def _unread(views: Sequence[tuple[Layout, memoryview]]) -> dict[str, NDArray[np.float32]] | None:
    names = {name for layout, _ in views for name in layout.unread}
    return {name: _context_of(views, name) for name in sorted(names)} if names else None


def _untimed(views: Sequence[tuple[Layout, memoryview]]) -> NDArray[np.bool_] | None:
    if all(layout.timed for layout, _ in views):
        return None
    return np.repeat([not layout.timed for layout, _ in views], [layout.readings for layout, _ in views])


def _context_of(views: Sequence[tuple[Layout, memoryview]], name: str) -> NDArray[np.float32]:
    return _numbers([_context(layout, view, name) for layout, view in views], _FLOAT)


def _context(layout: Layout, view: memoryview, name: str) -> memoryview:
    """Where none came, NaN."""
    place = layout.context.get(name)
    return memoryview(_NAN * layout.readings) if place is None else view[place]


def _bytes_of(pieces: list[memoryview]) -> bytes | memoryview:
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _numbers(pieces: list[memoryview], dtype: np.dtype[Any]) -> NDArray[Any]:
    return _aligned(np.frombuffer(_bytes_of(pieces), dtype))


def _aligned(values: NDArray[Any]) -> NDArray[Any]:
    """After its envelope a body's numbers may start anywhere, and compiled estimators refuse what is not aligned."""
    return np.require(values, requirements=["ALIGNED"])
