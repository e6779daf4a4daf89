"""From A-scans to features: the numbers that an estimator sees, by name, with their units and ranges.

`FEATURES` is the one list of them: the columns of `extract`, and the inputs of a card, are made from it. A reading's
features are computed from its own A-scan alone and, bit for bit, do not depend on what else is in the batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from weld_simulator.digitiser import FULL_SCALE, SAMPLES, SAMPLING_RATE, Float32, Int16
from weld_simulator.feature_sets import Feature, Limit, WaveformFeatures
from weld_simulator.pulse import FIRST_BIN, LAST_BIN
from weld_simulator.steel import VELOCITY

Complex64: TypeAlias = npt.NDArray[np.complex64]
Index: TypeAlias = npt.NDArray[np.intp]


FEATURE_SET, FEATURE_VERSION = "weld-pulse-echo", 1
"""Name of this set of features, and its version: another number for the same A-scan needs another version."""


_LOWEST = -100.0
_HIGHEST = 6.0
"""dB. A saturated oscillation is nearly square, and its fundamental is up to 2.1 dB above full scale."""

_WINDOW_US = SAMPLES / SAMPLING_RATE * 1e6


def _level(name: str, meaning: str) -> Feature:
    return Feature(name, "dB", _LOWEST, _HIGHEST, f"{meaning}; relative to full scale")


def _ratio(name: str, meaning: str) -> Feature:
    return Feature(name, "dB", _LOWEST - _HIGHEST, _HIGHEST - _LOWEST, meaning)


FEATURES: tuple[Feature, ...] = (
    _level("initial_level", "rms of the first 0.4 µs: the initial pulse"),
    _level("ringing_level", "rms from 0.4 to 0.8 µs: the probe's ringing"),
    _level("wall_level", "peak of the back wall's echo, the highest from 2.4 to 8 µs"),
    Feature("wall_time", "µs", 0.0, _WINDOW_US, "time of that peak"),
    Feature("wall_width", "µs", 0.0, _WINDOW_US, "equivalent width of the back wall's echo"),
    Feature("wall_centre", "MHz", 0.0, 12.5, "centroid of its power spectrum"),
    Feature("wall_bandwidth", "MHz", 0.0, 12.5, "standard deviation of its power spectrum about the centroid"),
    _ratio(
        "wall_repetition", "highest near twice the back wall's time, over the wall's echo; lowest beyond the window"
    ),
    _level("flaw_level", "highest peak between 0.8 µs and the back wall's echo"),
    Feature("flaw_time", "µs", 0.0, _WINDOW_US, "time of that peak"),
    Feature("flaw_position", "1", 0.0, 1.0, "flaw_time over wall_time"),
    Feature("flaw_width", "µs", 0.0, _WINDOW_US, "equivalent width of that echo"),
    Feature("flaw_centre", "MHz", 0.0, 12.5, "centroid of its power spectrum"),
    Feature("flaw_bandwidth", "MHz", 0.0, 12.5, "standard deviation of its power spectrum about the centroid"),
    Feature("flaw_likeness", "1", 0.0, 1.0, "correlation of that echo with the back wall's, whatever their phases"),
    _ratio("flaw_slope", "above 5.5 MHz over below 4.5 MHz in that echo, relative to the same of the back wall's"),
    _ratio("flaw_to_wall", "flaw_level over wall_level"),
    _ratio("flaw_area", "area of the disc that would echo as loud at that depth (distance-gain-size), over 1 mm²"),
    _ratio("flaw_to_noise", "flaw_level over gate_noise"),
    _ratio("second_to_flaw", "highest peak elsewhere in front of the back wall, over flaw_level"),
    _level("gate_level", "rms envelope in front of the back wall"),
    _level("gate_noise", "mean envelope there, without the highest peak's surroundings: the steel's structure"),
    Feature("gate_fill", "1", 0.0, 1.0, "share of the time in front of the back wall above half of the highest peak"),
    _level("electronic_noise", "fourth difference of the last 1.28 µs, scaled to the rms of white noise"),
    Feature("saturated", "1", 0.0, 1.0, "share of samples at full scale"),
    Feature("offset", "1", -1.0, 1.0, "mean of the last 1.28 µs, relative to full scale"),
)
"""All features, in the order of the columns."""

CONTEXT: tuple[Feature, ...] = (
    Feature("pressure", "MPa", 0.0, 15.0, "in the line, at the sensor"),
    Feature("temperature", "degC", -60.0, 120.0, "of the wall, at the sensor"),
)
"""What a model may be told besides: measured by the plant, not by the sensor."""

_MINIMA = np.array([feature.minimum for feature in FEATURES], dtype=np.float32)
_MAXIMA = np.array([feature.maximum for feature in FEATURES], dtype=np.float32)

_ROWS = 500
"""A-scans that are worked on together: few enough for the processor's cache, whatever the batch."""

_POINTS = 256
_POINT_US = _WINDOW_US / _POINTS
"""The envelope is computed at half the sampling rate, every 40 ns: the echoes' band ends below 12.5 MHz."""

_INITIAL_END, _RINGING_END = round(0.4e-6 * SAMPLING_RATE), round(0.8e-6 * SAMPLING_RATE)
_GATE_START = round(0.8 / _POINT_US)
_WALL_START, _WALL_END = round(2.4 / _POINT_US), round(8.0 / _POINT_US)
_BEFORE_WALL = round(0.48 / _POINT_US)
_HALF_WIDTH = 16
_AROUND = np.arange(-_HALF_WIDTH, _HALF_WIDTH)
_REPETITION = np.arange(-6, 7)
_POINT = np.arange(_POINTS)
_TAPER = np.hanning(2 * _HALF_WIDTH + 1)[:-1].astype(np.float32)
_FREQUENCY = (np.arange(_HALF_WIDTH) / (2 * _HALF_WIDTH * _POINT_US)).astype(np.float32)
_LOW = slice(0, int(np.searchsorted(_FREQUENCY, 4.5)))
_HIGH = slice(int(np.searchsorted(_FREQUENCY, 5.5)), None)
_TAIL = 64
_MM_PER_US = np.float32(VELOCITY * 1e-3 / 2)
_NOMINAL_WAVELENGTH = VELOCITY / 5e6 * 1e3
_NOMINAL_NEAR_FIELD = 8.0**2 / (4 * _NOMINAL_WAVELENGTH)
_NOMINAL_ATTENUATION = 0.016
"""mm, mm and dB/mm of the first sensor type in ordinary steel."""
_TINY = np.float32(10 ** (_LOWEST / 20))


def extract(ascans: Int16) -> Float32:
    """Features `[N, len(FEATURES)]` of A-scans `[N, 512]`, int16.

    Every value is finite and within its feature's range, also for an A-scan that is empty, constant or saturated.
    Raises ValueError for another shape or dtype.
    """
    if ascans.ndim != 2 or ascans.shape[1] != SAMPLES or ascans.dtype != np.int16:
        raise ValueError(f"A-scans must be int16 [N, {SAMPLES}], not {ascans.dtype} {list(ascans.shape)}")
    features = np.empty((len(ascans), len(FEATURES)), dtype=np.float32)
    for start in range(0, len(ascans), _ROWS):
        rows = slice(start, start + _ROWS)
        features[rows] = _extract_rows(ascans[rows])
    return features


def _extract_rows(ascans: Int16) -> Float32:
    # Rows lie one after the other from here on: numpy adds up a row in an order that depends on how it lies in memory,
    # and the last bits depend on that order.
    signal = ascans.astype(np.float32, order="C") * np.float32(1 / FULL_SCALE)
    analytic = _analytic_signal(signal)
    envelope = np.sqrt(_power(analytic))
    wall = _echo_at(_WALL_START + np.argmax(envelope[:, _WALL_START:_WALL_END], axis=1), envelope, analytic)
    gate = (_POINT >= _GATE_START) & (wall.point[:, None] > _POINT + _BEFORE_WALL)
    flaw = _echo_at(np.argmax(np.where(gate, envelope, np.float32(-1)), axis=1), envelope, analytic)
    columns = {
        "initial_level": _decibel(_rms(signal[:, :_INITIAL_END])),
        "ringing_level": _decibel(_rms(signal[:, _INITIAL_END:_RINGING_END])),
        **wall.columns("wall"),
        "wall_repetition": _repetition(envelope, wall),
        **flaw.columns("flaw"),
        **_comparison(flaw, wall),
        **_gate_columns(envelope, gate, flaw),
        "electronic_noise": _decibel(_rms(np.diff(signal[:, -_TAIL:], n=4, axis=1)) / np.float32(np.sqrt(70))),
        "saturated": (np.abs(ascans.astype(np.int32)) >= FULL_SCALE).mean(axis=1, dtype=np.float32),
        "offset": signal[:, -_TAIL:].mean(axis=1),
    }
    values = np.stack([columns[feature.name] for feature in FEATURES], axis=1)
    return np.asarray(np.clip(values, _MINIMA, _MAXIMA), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class _Echo:
    """One echo of each A-scan and what surrounds it; arrays `[N]` unless stated."""

    point: Index
    level: Float32
    """Peak, dB."""
    time: Float32
    """µs, between the points by a parabola through the three highest."""
    width: Float32
    """µs: the echo's energy over its peak power."""
    window: Complex64
    """Analytic signal around it, `[N, W]`."""
    spectrum: Float32
    """Power at `_FREQUENCY`, `[N, W / 2]`."""

    def columns(self, prefix: str) -> dict[str, Float32]:
        total = np.maximum(self.spectrum.sum(axis=1), _TINY**2)
        centre = (self.spectrum * _FREQUENCY).sum(axis=1) / total
        spread = (self.spectrum * (_FREQUENCY - centre[:, None]) ** 2).sum(axis=1) / total
        return {
            f"{prefix}_level": self.level,
            f"{prefix}_time": self.time,
            f"{prefix}_width": self.width,
            f"{prefix}_centre": centre,
            f"{prefix}_bandwidth": np.sqrt(spread),
        }

    @property
    def slope(self) -> Float32:
        """High over low frequencies, dB."""
        high, low = (np.sqrt(self.spectrum[:, band].sum(axis=1)) for band in (_HIGH, _LOW))
        return _decibel(high) - _decibel(low)


def _echo_at(point: Index, envelope: Float32, analytic: Complex64) -> _Echo:
    peak = _at(envelope, point)
    window = np.take_along_axis(analytic, np.clip(point[:, None] + _AROUND, 0, _POINTS - 1), axis=1)
    before, after = _at(envelope, np.maximum(point - 1, 0)), _at(envelope, np.minimum(point + 1, _POINTS - 1))
    curvature = np.maximum(2 * peak - before - after, _TINY**2)
    shift = np.clip((after - before) / (2 * curvature), -0.5, 0.5)
    return _Echo(
        point=point,
        level=_decibel(peak),
        time=(point.astype(np.float32) + shift) * np.float32(_POINT_US),
        width=_power(window).sum(axis=1) / np.maximum(peak * peak, _TINY**2) * np.float32(_POINT_US),
        window=window,
        spectrum=_power(np.asarray(np.fft.fft(window * _TAPER, axis=1)[:, :_HALF_WIDTH], dtype=np.complex64)),
    )


def _comparison(flaw: _Echo, wall: _Echo) -> dict[str, Float32]:
    common = (flaw.window * wall.window.conj()).sum(axis=1)
    energies = _power(flaw.window).sum(axis=1) * _power(wall.window).sum(axis=1)
    return {
        "flaw_position": flaw.time / wall.time,
        "flaw_likeness": np.sqrt(_power(common) / np.maximum(energies, _TINY**4)),
        "flaw_slope": flaw.slope - wall.slope,
        "flaw_to_wall": flaw.level - wall.level,
        "flaw_area": _disc_area(flaw, wall),
    }


def _disc_area(flaw: _Echo, wall: _Echo) -> Float32:
    """dB over 1 mm² of the facing disc whose echo, relative to the back wall's, is this loud.

    The distance-gain-size method (Krautkrämer, Brit. J. Appl. Phys. 10, 1959, 240-245) for the nominal probe and
    attenuation: `2S/λz` times the distance laws of both echoes; within the near field z counts as its length.
    """
    depth, thickness = flaw.time * _MM_PER_US, wall.time * _MM_PER_US
    spreading = _decibel(_distance_law(thickness)) - _decibel(_distance_law(depth))
    spreading += np.float32(2 * _NOMINAL_ATTENUATION) * (depth - thickness)
    disc = _decibel(np.float32(_NOMINAL_WAVELENGTH / 2) * np.maximum(depth, np.float32(_NOMINAL_NEAR_FIELD)))
    return flaw.level - wall.level + spreading + disc


def _distance_law(depth: Float32) -> Float32:
    """As `weld_simulator.beam.wall_response`, for the nominal probe, in mm and float32."""
    relative = depth * np.float32(2 / (np.pi * _NOMINAL_NEAR_FIELD))
    return np.asarray(1 / np.sqrt(1 + relative * relative))


def _repetition(envelope: Float32, wall: _Echo) -> Float32:
    """The wall's second echo over its first, dB; the lowest ratio where it would be beyond the window."""
    expected = 2 * wall.point
    points = np.clip(expected[:, None] + _REPETITION, 0, _POINTS - 1)
    ratio = _decibel(np.take_along_axis(envelope, points, axis=1).max(axis=1)) - wall.level
    return np.where(expected + _REPETITION[-1] < _POINTS, ratio, np.float32(_LOWEST - _HIGHEST))


def _gate_columns(envelope: Float32, gate: npt.NDArray[np.bool_], flaw: _Echo) -> dict[str, Float32]:
    """What is in front of the back wall, `gate` `[N, 256]`, besides the highest echo there."""
    peak = _at(envelope, flaw.point)
    elsewhere = gate & (np.abs(_POINT - flaw.point[:, None]) >= _HALF_WIDTH)
    gated, rest = np.where(gate, envelope, np.float32(0)), np.where(elsewhere, envelope, np.float32(0))
    noise = _decibel(rest.sum(axis=1) / _count(elsewhere))
    return {
        "flaw_to_noise": flaw.level - noise,
        "second_to_flaw": _decibel(rest.max(axis=1)) - flaw.level,
        "gate_level": _decibel(np.sqrt((gated * gated).sum(axis=1) / _count(gate))),
        "gate_noise": noise,
        "gate_fill": (gated > peak[:, None] / 2).sum(axis=1).astype(np.float32) / _count(gate),
    }


def _count(mask: npt.NDArray[np.bool_]) -> Float32:
    return np.asarray(np.maximum(mask.sum(axis=1), 1), dtype=np.float32)


def _analytic_signal(signal: Float32) -> Complex64:
    """Complex signal `[N, 256]` within the band, whose magnitude is the envelope (the Hilbert transform by FFT)."""
    spectrum = np.zeros((len(signal), _POINTS), dtype=np.complex64)
    # Half as many points and only positive frequencies: the factors 1/2 and 2 cancel.
    spectrum[:, FIRST_BIN:LAST_BIN] = np.fft.rfft(signal, axis=1)[:, FIRST_BIN:LAST_BIN]
    return np.asarray(np.fft.ifft(spectrum, axis=1), dtype=np.complex64)


def _power(values: Complex64) -> Float32:
    """Squared magnitude, by operations whose result IEEE 754 fixes."""
    return np.asarray(values.real * values.real + values.imag * values.imag)


def _decibel(amplitude: Float32) -> Float32:
    return np.asarray(20 * np.log10(np.maximum(amplitude, _TINY)))


def _rms(values: Float32) -> Float32:
    return np.asarray(np.sqrt((values * values).mean(axis=1)))


def _at(values: Float32, point: Index) -> Float32:
    return np.take_along_axis(values, point[:, None], axis=1)[:, 0]


PULSE_ECHO = WaveformFeatures(
    name=FEATURE_SET,
    version=FEATURE_VERSION,
    samples=SAMPLES,
    features=FEATURES,
    context=CONTEXT,
    extract=extract,
    # The initial pulse lasts 0.4 of 10.24 µs.
    saturated=Limit("saturated", 0.04),
    # dB: less than this may be noise.
    no_coupling=Limit("wall_level", -30.0),
)
"""All of it, for the predictor."""
