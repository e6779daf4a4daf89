"""Features are finite, within their ranges, and a reading's own: the same bits whatever else is in the batch."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weld_simulator.digitiser import SAMPLES, Float32, Int16
from weld_simulator.features import FEATURES, extract
from weld_simulator.first_bundle import card_inputs
from weld_simulator.readings import measure
from weld_simulator.site import Site


@cache
def pool() -> Int16:
    """1,200 A-scans: 1,000 of a site, and 200 that no sensor would send."""
    draw = np.random.default_rng(5)
    noise = draw.integers(-32768, 32768, (190, SAMPLES)).astype(np.int16) // draw.choice([1, 30, 4000], (190, 1))
    still = np.repeat(np.array([0, 1, -1, 5, 32767, -32768, -32767, 100, -100, 20000], dtype=np.int16), SAMPLES)
    measured = np.concatenate([chunk.ascans for chunk in measure(Site("line", seed=2, size=1000), tick=0)])
    return np.concatenate([measured, noise.astype(np.int16), still.reshape(10, SAMPLES)])


@cache
def alone() -> Float32:
    """The features of each A-scan of the pool, taken one by one."""
    return np.concatenate([extract(pool()[index : index + 1]) for index in range(len(pool()))])


def test_features_are_finite_float32_within_their_ranges() -> None:
    features = extract(pool())
    assert features.shape == (len(pool()), len(FEATURES))
    assert features.dtype == np.float32
    assert np.isfinite(features).all()
    for column, feature in zip(features.T.astype(np.float64), FEATURES, strict=True):
        assert feature.minimum <= column.min(), feature.name
        assert column.max() <= feature.maximum, feature.name


@settings(max_examples=40, deadline=None)
@given(size=st.integers(1, 1500), seed=st.integers(0, 2**32 - 1))
def test_a_readings_features_do_not_depend_on_its_batch(size: int, seed: int) -> None:
    chosen = np.random.default_rng(seed).integers(0, len(pool()), size)
    assert extract(pool()[chosen]).tobytes() == alone()[chosen].tobytes()


def test_features_do_not_depend_on_how_the_batch_lies_in_memory() -> None:
    ascans = pool()[:50]
    every_second = np.repeat(ascans, 2, axis=0)[::2]
    turned = np.asfortranarray(ascans)
    read_only = np.frombuffer(ascans.tobytes(), dtype=np.int16).reshape(ascans.shape)
    for variant in (every_second, turned, read_only):
        assert extract(variant).tobytes() == alone()[:50].tobytes()


def test_no_readings_have_no_features() -> None:
    assert extract(np.empty((0, SAMPLES), dtype=np.int16)).shape == (0, len(FEATURES))


@pytest.mark.parametrize(
    "ascans",
    [
        np.zeros((3, 511), dtype=np.int16),
        np.zeros(SAMPLES, dtype=np.int16),
        np.zeros((3, SAMPLES), dtype=np.float32),
        np.zeros((3, SAMPLES), dtype=np.uint16),
    ],
)
def test_what_is_no_ascan_is_refused(ascans: Int16) -> None:
    with pytest.raises(ValueError, match=r"A-scans must be int16 \[N, 512\], not "):
        extract(ascans)


def test_the_inputs_of_a_card_are_the_features() -> None:
    assert [(i.name, i.unit, i.minimum, i.maximum) for i in card_inputs()] == [
        (f.name, f.unit, f.minimum, f.maximum) for f in FEATURES
    ]
    assert len({feature.name for feature in FEATURES}) == len(FEATURES)
    assert all(feature.meaning for feature in FEATURES)
