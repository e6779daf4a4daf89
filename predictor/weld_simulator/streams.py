"""Random numbers that depend on what they are for, and on nothing else.

Everything random is drawn for a block of `BLOCK` sensors from a stream of its own, named by the site's seed, a purpose
and the block (and the tick). Which blocks are simulated together, and in which order, thus changes no number.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

BLOCK = 250
"""Sensors that share a stream; also the unit in which A-scans are computed, so that memory stays bounded."""


class Purpose(IntEnum):
    """What a stream is drawn for. A number, once used, keeps its meaning: seeds would change theirs otherwise."""

    SITE = 0
    SENSORS = 1
    FLAWS = 2
    GRAINS = 3
    ELECTRONICS = 4
    COUPLING = 5
    DELIVERY = 6
    CLIMATE = 7
    OPERATION = 8
    TERRAIN = 9
    TRAITS = 10
    GROWTH = 11
    INSTRUMENTS = 12
    SCENARIO = 13
    REST = 14
    TRIGGER = 15


def stream(seed: int, purpose: IntEnum, *key: int) -> np.random.Generator:
    """The generator for this purpose; `key` is the block, and the tick where it matters."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(purpose, *key)))
