"""`native.c`: the compiled kernels. Arrays are C-contiguous buffers: integers of intc, reals of float64."""

from typing import Any, final

import numpy as np
from numpy.typing import NDArray

SWEEP: int
WALK: int
LINEAR: int
IDENTITY: int
EXPIT: int
EXPIT_OF_TWICE: int
MOST_LEAVES: int
MOST_COLUMNS: int
MOST_FEATURES: int

@final
class Kernel:
    """An estimator in compiled form; `kernel.h` says what the arrays are."""

    def __init__(
        self,
        kind: int,
        features: int,
        scaling: NDArray[np.float64],
        narrow: bool,
        takes_nan: bool,
        takes_infinite: bool,
        start: float,
        divisor: float,
        link: int,
        values: NDArray[np.float64],
        *,
        columns: NDArray[np.intc] = ...,
        sets: NDArray[np.uint8] = ...,
        cut_starts: NDArray[np.intc] = ...,
        cuts: NDArray[np.float64] = ...,
        tree_starts: NDArray[np.intc] = ...,
        value_starts: NDArray[np.intc] = ...,
        node_column: NDArray[np.intc] = ...,
        node_left: NDArray[np.intc] = ...,
        node_right: NDArray[np.intc] = ...,
        node_bound: NDArray[np.intc] = ...,
        node_threshold: NDArray[np.float64] = ...,
    ) -> None:
        """Raises ValueError for arrays that point outside of themselves, TypeError for items of another type."""
    def score(self, readings: NDArray[np.floating[Any]], risks: NDArray[np.float64], /) -> bool:
        """Fill `risks` [N] for `readings` [N, F] of float32 or float64.

        False, and `risks` unfinished, when the estimator itself would refuse values that are missing or infinite.
        Raises ValueError for another shape or layout, TypeError for items of another type.
        """
