"""`native.c`: the compiled memory of sensors. Arrays are C-contiguous buffers."""

from typing import Any, final

import numpy as np
from numpy.typing import NDArray

TIMES: int
SEED_BYTES: int
MOST_EVERY: int
MOST_COLUMNS: int
LONGEST_NAME: int
NOT_SCORED: int
LATE: int
AHEAD: int
CARRIED: int
FLAG_LIMIT: int

@final
class Memory:
    """What is remembered of at most `most` sensors; `memory.h` says what the numbers are."""

    def __init__(
        self,
        most: int,
        seed: bytes,
        sampling: int,
        every: int,
        silence: int,
        repeat_for: int,
        reject_late: bool,
        columns: NDArray[np.intc],
        bands: NDArray[np.float64],
    ) -> None:
        """`silence` and `repeat_for` in milliseconds. Raises ValueError for numbers out of range."""
    def recall(
        self,
        sensors: NDArray[Any],
        times: NDArray[np.int64],
        flags: NDArray[np.uint32],
        features: NDArray[np.float32],
        rows: NDArray[np.intc],
        now: int,
        untimed: NDArray[np.bool_] | None,
        /,
    ) -> tuple[int, int, int, int, int]:
        """Fill `rows` [N], change `flags` [N]; how many are scored, repeated, disordered, carried, unremembered.

        Raises ValueError for another shape or layout, TypeError for items of another type.
        """
    def keep(self, risks: NDArray[np.float32], /) -> None:
        """Fill `risks` [N] but for the rows that were scored. Raises ValueError for another length."""
    def forget(self) -> None: ...
    def sensors(self) -> int: ...
    def forgotten(self) -> int: ...
    def bytes_at(self, sensors: int, /) -> int: ...
