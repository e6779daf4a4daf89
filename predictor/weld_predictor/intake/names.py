"""Keys of 128 bits for sensors, by number or by name, in arrays.

A number is its own key. A name's are four strongly universal hashes of 32 bits each (Lemire and Kaser, Strongly
universal string hashing is fast, The Computer Journal 57, 2014, "multilinear"): two names meet with a probability of
2^-127, and as the seed is random and secret, nobody can look for two that do.
"""

from __future__ import annotations

import secrets
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weld_predictor.intake.tensor import LONGEST_TEXT

_WORD = 4
_HASHES = 4
_HALF = np.uint64(32)


class SensorKeys:
    """Makes keys with a seed of its own."""

    def __init__(self) -> None:
        words = LONGEST_TEXT // _WORD
        seed = np.frombuffer(secrets.token_bytes(8 * _HASHES * (words + 1)), np.uint64)
        self._start, self._factors = seed[:_HASHES], seed[_HASHES:].reshape(words, _HASHES)

    def of(self, sensors: NDArray[Any]) -> NDArray[np.uint64]:
        """[N, 2] for `sensors` [N], int64 or bytes; no number has the key of a name."""
        if sensors.dtype == np.int64:
            return np.stack([sensors.view(np.uint64), np.zeros(len(sensors), np.uint64)], axis=1)
        width = -(-sensors.dtype.itemsize // _WORD)
        words = sensors.astype(f"S{width * _WORD}").view("<u4").reshape(len(sensors), width)
        hashes = (self._start + words.astype(np.uint64) @ self._factors[:width]) >> _HALF
        keys: NDArray[np.uint64] = hashes[:, ::2] << _HALF | hashes[:, 1::2]
        keys[:, 1] |= np.uint64(1)
        return keys
