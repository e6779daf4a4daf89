"""Which place in the arrays a sensor has, by its key: a table with open addressing, searched in columns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_FEWEST_PLACES = 16


class SensorTable:
    """Numbers sensors 0, 1, ... as they come, by keys [N, 2] of uint64."""

    def __init__(self, most: int, seed: int) -> None:
        """`most`: sensors that there can be; `seed`: of 64 bits, random."""
        places = _FEWEST_PLACES
        while places < most + most // 2:
            places *= 2
        self._most = most
        self._mask = np.uint64(places - 1)
        self._seed = np.uint64(seed)
        self._places = np.zeros(places, np.uint32)
        """Each a sensor's number plus one, or 0."""
        self._keys = np.zeros((most, 2), np.uint64)
        self.count = 0
        """Sensors that there are."""
        self.settled = 0
        """Those of them that stay."""
        self._unsettled = np.empty(0, np.int64)
        """Places of the others."""

    def bytes_at(self, sensors: int) -> int:
        return self._places.nbytes + sensors * self._keys.itemsize * 2

    def find(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """The numbers of distinct keys [N], -1 of those that are not here."""
        found = np.full(len(keys), -1, np.int64)
        at = self._home(keys)
        left = np.arange(len(keys))
        while len(left):
            numbers = self._places[at[left]].astype(np.int64) - 1
            hit = (numbers >= 0) & (self._keys[numbers] == keys[left]).all(axis=1)
            found[left[hit]] = numbers[hit]
            left = left[(numbers >= 0) & ~hit]
            at[left] = self._after(at[left])
        return found

    def admit(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """The numbers of distinct keys that are not here, of as many of the first as there is room for."""
        keys = keys[: self._most - self.count]
        numbers = np.arange(self.count, self.count + len(keys))
        self._keys[numbers] = keys
        self._unsettled = self._link(numbers)
        self.count += len(keys)
        return numbers

    def settle(self) -> None:
        """Those that were admitted stay."""
        self.settled = self.count

    def take_back(self) -> None:
        """Those that were admitted and not settled go."""
        # Nobody else's search goes past a place that was taken after all others.
        self._places[self._unsettled] = 0
        self._unsettled = self._unsettled[:0]
        self.count = self.settled

    def keep(self, stays: NDArray[np.bool_]) -> None:
        """Of all sensors only those that are to stay, [count], with numbers that close the gaps."""
        kept = int(np.count_nonzero(stays))
        self._keys[:kept] = self._keys[: self.count][stays]
        self._places[:] = 0
        self._link(np.arange(kept))
        self.count = self.settled = kept

    def _link(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """The places that these numbers took."""
        at = self._home(self._keys[numbers])
        left = np.arange(len(numbers))
        while len(left):
            free = left[self._places[at[left]] == 0]
            self._places[at[free]] = numbers[free] + 1
            left = left[self._places[at[left]] != numbers[left] + 1]
            at[left] = self._after(at[left])
        return at

    def _home(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        odd, half = np.uint64(0x9E3779B97F4A7C15), np.uint64(32)
        mixed = (keys[:, 0] ^ keys[:, 1] ^ self._seed) * odd
        mixed = (mixed ^ (mixed >> half)) * (self._seed | np.uint64(1))
        return ((mixed ^ (mixed >> half)) & self._mask).astype(np.int64)

    def _after(self, at: NDArray[np.int64]) -> NDArray[np.int64]:
        return (at + 1) & np.int64(self._mask)
