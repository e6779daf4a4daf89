"""From a request to readings: the inputs that a card asks for, in its order, all of one length."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weld_predictor.intake.fault import RequestError, quoted
from weld_predictor.intake.form import (
    ASCANS,
    FEATURES,
    MOST_UNREAD,
    SAMPLED_AT,
    SENSOR_ID,
    InputForm,
    TensorSpec,
    may_be_context,
)
from weld_predictor.intake.tensor import decode, shape_text
from weld_predictor.intake.wire import WireRequest, WireTensor


@dataclass(frozen=True, slots=True)
class Readings:
    """N readings of one request, as they came."""

    features: NDArray[np.float32]
    """[N, F], in the order of the card; may hold NaN and infinities. Context that did not come is NaN."""
    sensor_id: NDArray[np.int64] | NDArray[np.bytes_]
    """[N]"""
    sampled_at: NDArray[np.int64]
    """[N], Unix time in milliseconds."""
    ascans: NDArray[np.int16] | None = None
    """[N, S], where the features are still to be taken from waveforms; until then `features` has NaN for them."""
    untimed: NDArray[np.bool_] | None = None
    """[N], those that came without a sampling time that counts; None where none did."""
    unread: Mapping[str, NDArray[np.float32]] | None = None
    """Context that came and the card does not ask for, [N] each, by name; None where there is none."""

    def __len__(self) -> int:
        return len(self.features)

    def part(self, start: int, stop: int) -> Readings:
        """Readings `start` to `stop`, as views; of those that have their features."""
        part = slice(start, stop)
        return Readings(
            self.features[part],
            self.sensor_id[part],
            self.sampled_at[part],
            untimed=None if self.untimed is None else self.untimed[part],
            unread=None if self.unread is None else {name: values[part] for name, values in self.unread.items()},
        )

    @property
    def numbered(self) -> bool:
        """Whether sensors go by number, not by name."""
        return self.sensor_id.dtype == np.int64


def take_readings(request: WireRequest, form: InputForm, most: int) -> Readings:
    """The readings of a request in `form`, at most `most` of them.

    Raises RequestError with a sentence that names the tensor, what came and what was expected.
    """
    return decode_readings(take_tensors(request, form, most), form)


def take_tensors(request: WireRequest, form: InputForm, most: int) -> dict[str, WireTensor]:
    """The tensors of a request in `form` by name, all of one number of readings, at most `most`; values as they came.

    Raises RequestError as `take_readings` does.
    """
    tensors = _by_name(request, form)
    specs = {spec.name: spec for spec in form.specs}
    for name, tensor in tensors.items():
        if name in specs:
            _check_form(tensor, specs[name])
    _check_count(tensors, most)
    return tensors


def decode_readings(tensors: dict[str, WireTensor], form: InputForm) -> Readings:
    """The readings of `take_tensors`. Raises RequestError as `take_readings` does."""
    values: dict[str, NDArray[Any]] = {name: decode(tensor) for name, tensor in tensors.items()}
    unread = {name: values[name] for name in form.unread(values)}
    return Readings(
        _columns(values, form), values[SENSOR_ID], values[SAMPLED_AT], values.get(ASCANS), unread=unread or None
    )


def join(readings: Sequence[Readings]) -> Readings:
    """All in one, in their order; their sensors all go by number, or all by name."""
    if len(readings) == 1:
        return readings[0]
    return Readings(
        np.concatenate([each.features for each in readings]),
        np.concatenate([each.sensor_id for each in readings]),
        np.concatenate([each.sampled_at for each in readings]),
        untimed=_untimed(readings),
        unread=_unread(readings),
    )


def delays(readings: Readings, arrived_at: int | NDArray[np.int64]) -> NDArray[np.int64]:
    """Milliseconds from sampling to arrival, of those with a sampling time; below 0 where a clock is wrong.

    `arrived_at`: Unix time in milliseconds, [N].
    """
    taken: NDArray[np.int64] = arrived_at - readings.sampled_at
    return taken if readings.untimed is None else taken[~readings.untimed]


def _untimed(readings: Sequence[Readings]) -> NDArray[np.bool_] | None:
    if all(each.untimed is None for each in readings):
        return None
    return np.concatenate(
        [np.zeros(len(each), np.bool_) if each.untimed is None else each.untimed for each in readings]
    )


def _unread(readings: Sequence[Readings]) -> dict[str, NDArray[np.float32]] | None:
    names = {name for each in readings if each.unread is not None for name in each.unread}
    if not names:
        return None
    return {name: np.concatenate([_context(each, name) for each in readings]) for name in sorted(names)}


def _context(readings: Readings, name: str) -> NDArray[np.float32]:
    """Where none came, NaN."""
    values = None if readings.unread is None else readings.unread.get(name)
    return np.full(len(readings), np.nan, np.float32) if values is None else values


def with_features(requests: Sequence[Readings], form: InputForm) -> list[Readings]:
    """The readings of each request, with features from their waveforms in the place of these.

    Takes tens of microseconds for each reading.
    """
    waves = [readings.ascans for readings in requests if readings.ascans is not None]
    extracted = form.extract(waves[0] if len(waves) == 1 else np.concatenate(waves))
    found, start = [], 0
    for readings in requests:
        features = readings.features.copy()
        features[:, form.measured] = extracted[start : start + len(readings)]
        found.append(replace(readings, features=features, ascans=None))
        start += len(readings)
    return found


def _columns(values: dict[str, NDArray[Any]], form: InputForm) -> NDArray[np.float32]:
    if FEATURES in values and not form.context:
        features: NDArray[np.float32] = values[FEATURES]
        return features
    columns = np.full((len(values[SENSOR_ID]), form.columns), np.nan, np.float32)
    if FEATURES in values:
        columns[:, form.measured] = values[FEATURES]
    for name, column in form.context.items():
        if name in values:
            columns[:, column] = values[name]
    return columns


def _by_name(request: WireRequest, form: InputForm) -> dict[str, WireTensor]:
    wanted = {spec.name for spec in form.specs}
    tensors = {tensor.name: tensor for tensor in request.inputs}
    for name, times in Counter(tensor.name for tensor in request.inputs).items():
        if name not in wanted and not may_be_context(name, tensors[name].datatype, tensors[name].shape):
            raise RequestError(f"tensor {quoted(name)} is not an input of this model, expected {form}")
        if times > 1:
            raise RequestError(f"tensor {name!r} came {times} times, expected it once")
    if len(unread := form.unread(tensors)) > MOST_UNREAD:
        raise RequestError(
            f"{len(unread)} tensors came that are not inputs of this model, such as {unread[0]!r}, "
            f"expected at most {MOST_UNREAD} besides {form}"
        )
    if FEATURES in tensors and ASCANS in tensors:
        raise RequestError(f"tensors {FEATURES!r} and {ASCANS!r} both came, expected one of them")
    if ASCANS not in tensors and FEATURES not in tensors:
        raise RequestError(f"tensor {FEATURES!r} is missing, expected {form}")
    for spec in form.required:
        if spec.name not in tensors:
            raise RequestError(f"tensor {spec.name!r} is missing, expected {form}")
    return tensors


def _check_form(tensor: WireTensor, spec: TensorSpec) -> None:
    if tensor.datatype not in spec.datatypes:
        raise RequestError(
            f"tensor {tensor.name!r}: datatype {quoted(tensor.datatype)} came, expected {' or '.join(spec.datatypes)}"
        )
    fits = len(tensor.shape) == len(spec.shape) and all(
        expected in (None, came) for came, expected in zip(tensor.shape, spec.shape, strict=True)
    )
    if not fits:
        raise RequestError(
            f"tensor {tensor.name!r}: shape {quoted(list(tensor.shape))} came, expected {shape_text(spec.shape)}"
        )


def _check_count(tensors: dict[str, WireTensor], most: int) -> None:
    measured = FEATURES if FEATURES in tensors else ASCANS
    count = tensors[measured].shape[0]
    if not 1 <= count <= most:
        raise RequestError(f"tensor {measured!r}: {count} readings came, expected 1 to {most} in one request")
    for tensor in tensors.values():
        if tensor.shape[0] != count:
            raise RequestError(
                f"tensor {tensor.name!r}: {tensor.shape[0]} readings came, expected {count} as in {measured!r}"
            )
