"""Readings on which two scorers of one estimator must agree before the faster one is trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from weld_api.card import BundleCard, ModelInput
from weld_predictor.scoring.scorer import Features, Risks, Scorer

TOLERANCE = 1e-6
"""Largest difference of two risks that count as equal."""

_READINGS = 1024
"""In each part."""
_MISSING = 0.15
"""Share of the values that are missing where some are."""
_MOST_THRESHOLDS = 4096
"""Of one feature, taken evenly from all."""

_MOST_AT_EDGES = 256
"""Inputs, taken evenly from all."""

Float32: TypeAlias = NDArray[np.float32]
_FLOAT32 = np.finfo(np.float32)


@dataclass(frozen=True, slots=True)
class Comparison:
    """How far two scorers differ."""

    readings: int
    differing: int
    """Readings whose risks differ by more than the tolerance."""
    largest: float
    """Difference; infinite where only one of them answers."""

    @property
    def are_equal(self) -> bool:
        return self.differing == 0


def verification_readings(card: BundleCard, thresholds: Sequence[NDArray[np.float64]] = ()) -> Mapping[str, Float32]:
    """Batches [N, F], by what they hold; the same for the same card.

    `thresholds` of the estimator's trees, for each feature: where two scorers would differ first.
    """
    source = np.random.default_rng(0)
    usual = _usual(card, source)
    batches = {"usual": usual, "edges": _edges(card, usual)}
    if len(thresholds) == len(card.inputs):
        batches["thresholds"] = _around(thresholds, usual, source)
    missing = usual.copy()
    missing[source.random(usual.shape) < _MISSING] = np.nan
    context = [column for column, each in enumerate(card.inputs) if each.source == "Context"]
    without_context = usual[: _READINGS // 4].copy()
    without_context[:, context] = np.nan
    return batches | {"missing": missing, "without context": without_context}


def compare(one: Scorer, other: Scorer, batches: Mapping[str, Features]) -> Comparison:
    """Score all batches by both. A batch that both refuse counts as equal."""
    readings = differing = 0
    largest = 0.0
    for features in batches.values():
        first, second = _answer(one, features), _answer(other, features)
        readings += len(features)
        if first is None and second is None:
            continue
        if first is None or second is None:
            differing, largest = differing + len(features), np.inf
            continue
        distance = np.where(np.isnan(first) & np.isnan(second), 0.0, np.abs(first - second))
        distance[np.isnan(distance)] = np.inf
        differing += int((distance > TOLERANCE).sum())
        largest = max(largest, float(distance.max()))
    return Comparison(readings, differing, largest)


def _answer(scorer: Scorer, features: Features) -> Risks | None:
    try:
        return scorer.risk(features)
    except ValueError:
        return None


def _usual(card: BundleCard, source: np.random.Generator) -> Float32:
    """Distributed as in training where the card says how, else evenly over the inputs' ranges."""
    ends = [_ends(each).tolist() for each in card.inputs]
    columns = [source.uniform(lowest, highest, _READINGS) for lowest, highest in ends]
    if card.profile is not None:
        for column, profile in zip(columns, card.profile.inputs, strict=True):
            # Half of them; the others keep the whole range.
            share = source.random(_READINGS // 2)
            column[: _READINGS // 2] = np.interp(share, card.profile.probabilities, profile.quantiles)
    return np.stack(columns, axis=1).astype(np.float32)


def _edges(card: BundleCard, usual: Float32) -> Float32:
    """One input after the other at the ends of its range and just beyond, and at extremes, the others as usual."""
    extremes = np.array([0.0, -0.0, _FLOAT32.smallest_subnormal, _FLOAT32.tiny, _FLOAT32.max / 2, _FLOAT32.min / 2])
    rows = []
    for column in range(0, len(card.inputs), _spacing(len(card.inputs), _MOST_AT_EDGES)):
        values = np.concatenate([extremes, _beside(_ends(card.inputs[column]))])
        block = usual[: len(values)].copy()
        block[:, column] = values
        rows.append(block)
    return np.concatenate(rows)


def _around(thresholds: Sequence[NDArray[np.float64]], usual: Float32, source: np.random.Generator) -> Float32:
    """Every input at some threshold of its own, or next to one."""
    batch = np.resize(usual, (2 * _READINGS, usual.shape[1]))
    for column, values in enumerate(thresholds):
        finite = values[np.abs(values) < _FLOAT32.max].astype(np.float32)
        if len(finite):
            batch[:, column] = source.choice(_beside(finite[:: _spacing(len(finite), _MOST_THRESHOLDS)]), len(batch))
    return batch


def _ends(column: ModelInput) -> Float32:
    """Of the input's range: minimum and maximum."""
    return np.clip([column.minimum, column.maximum], _FLOAT32.min, _FLOAT32.max).astype(np.float32)


def _beside(values: Float32) -> Float32:
    """The values, and their neighbours below and above."""
    with np.errstate(over="ignore"):
        below, above = (np.nextafter(values, np.float32(end)) for end in (-np.inf, np.inf))
    return np.concatenate([values, below, above])


def _spacing(count: int, most: int) -> int:
    """Of `count` things, take every so-manieth to have at most `most`."""
    return -(-count // most)
