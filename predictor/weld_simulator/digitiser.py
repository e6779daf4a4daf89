"""The digitiser: 512 samples of 16 bits at 50 MHz."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Float32: TypeAlias = npt.NDArray[np.float32]
Float64: TypeAlias = npt.NDArray[np.float64]
Int16: TypeAlias = npt.NDArray[np.int16]

SAMPLES = 512
SAMPLING_RATE = 50e6
"""Samples in a second."""

WINDOW = SAMPLES / SAMPLING_RATE
"""Length of an A-scan in seconds: 10.24 µs, or 30 mm of steel there and back."""

TRIGGER_JITTER = 2e-9
"""Standard deviation in s of its start."""

FULL_SCALE = 32_767
"""The code of amplitude 1; -1 is its negative. Whatever is beyond saturates."""


def digitise(signal: Float32) -> Int16:
    """Amplitudes `[N, S]` relative to full scale, to codes of the same shape, rounded to nearest and saturated."""
    codes = np.rint(signal * np.float32(FULL_SCALE))
    return np.asarray(np.clip(codes, -FULL_SCALE, FULL_SCALE), dtype=np.int16)
