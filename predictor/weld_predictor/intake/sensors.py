"""Which sensors there are, where the predictor has been told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

_LONGEST_NUMBER = 18
"""Digits that fit 64 bits whatever they are."""


class SensorListError(ValueError):
    """The list of sensors cannot be read; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class KnownSensors:
    """Names and numbers, each sorted. A name of digits alone is a number too."""

    names: NDArray[np.bytes_]
    numbers: NDArray[np.int64]

    @classmethod
    def of(cls, names: set[str]) -> Self:
        """Those with `names`, none of them empty."""
        numbers = [int(name) for name in names if name.isascii() and name.isdigit() and len(name) <= _LONGEST_NUMBER]
        return cls(
            np.sort(np.array([name.encode() for name in names], np.bytes_)), np.sort(np.array(numbers, np.int64))
        )

    @classmethod
    def read(cls, path: Path) -> Self:
        """From a text file with one name a line. Raises SensorListError."""
        try:
            names = {line.strip() for line in path.read_text().splitlines()} - {""}
        except (OSError, UnicodeDecodeError) as error:
            raise SensorListError(f"the list of sensors {path} cannot be read: {error}") from error
        if not names:
            raise SensorListError(f"the list of sensors {path} is empty, expected one name a line")
        return cls.of(names)

    def include(self, sensors: NDArray[Any]) -> NDArray[np.bool_]:
        """Which of `sensors` [N], int64 or bytes, are known."""
        known: NDArray[Any] = self.numbers if sensors.dtype == np.int64 else self.names
        if not len(known):
            return np.zeros(len(sensors), np.bool_)
        places = np.minimum(np.searchsorted(known, sensors), len(known) - 1)
        found: NDArray[np.bool_] = known[places] == sensors
        return found
