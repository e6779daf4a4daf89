"""The training profile of a card: how each input was distributed, so that later readings can be told from them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from weld_api.card import InputProfile, TrainingProfile
from weld_simulator.digitiser import Float32

BINS = 20
PROBABILITIES = (0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999)
_DIGITS = 6


def profile_of(names: Sequence[str], columns: Float32) -> TrainingProfile:
    """Of columns `[N, F]` with these names. Values that are not finite are counted as missing."""
    return TrainingProfile(
        readings=len(columns),
        probabilities=PROBABILITIES,
        inputs=tuple(_input_profile(name, column) for name, column in zip(names, columns.T, strict=True)),
        correlation=_correlation(columns),
    )


def _input_profile(name: str, column: Float32) -> InputProfile:
    values = column[np.isfinite(column)].astype(np.float64)
    lowest, highest = float(values.min()), float(values.max())
    margin = max(highest - lowest, abs(lowest), 1.0) * 1e-3
    edges = np.linspace(lowest - margin, highest + margin, BINS + 1)
    edges = np.array([_rounded(edge) for edge in edges])
    return InputProfile(
        name=name,
        edges=tuple(edges.tolist()),
        counts=tuple(np.histogram(values, edges)[0].tolist()),
        missing=len(column) - len(values),
        quantiles=tuple(_rounded(value) for value in np.quantile(values, PROBABILITIES)),
    )


def _correlation(columns: Float32) -> tuple[tuple[float, ...], ...]:
    values = columns[np.isfinite(columns).all(axis=1)].astype(np.float64)
    deviation = values - values.mean(axis=0)
    scale = np.sqrt((deviation**2).sum(axis=0))
    normal = deviation / np.where(scale > 0, scale, 1.0)
    matrix = np.clip(normal.T @ normal, -1, 1)
    return tuple(tuple(round(value, 4) for value in row) for row in matrix.tolist())


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
