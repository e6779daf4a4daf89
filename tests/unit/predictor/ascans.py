"""Waveforms for tests that need no physics."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from weld_simulator.digitiser import SAMPLES


def ascans(count: int, seed: int = 0) -> NDArray[np.int16]:
    """Noise with a decaying burst as initial pulse and another as back wall; [N, 512]."""
    source = np.random.default_rng(seed)
    waves = source.normal(0, 300, (count, SAMPLES))
    for start, height in ((0, 30_000), (210, 20_000)):
        time = np.arange(SAMPLES - start)
        burst = np.sin(time * 0.6) * np.exp(-time / 12) * height
        waves[:, start:] += burst * source.uniform(0.5, 1, (count, 1))
    return np.clip(waves, -32_768, 32_767).astype(np.int16)
