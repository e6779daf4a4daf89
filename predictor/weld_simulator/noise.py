"""Noise: what the steel's structure sends back, and what the electronics add."""

from __future__ import annotations

import numpy as np

from weld_simulator.digitiser import SAMPLES, SAMPLING_RATE, Float32, Float64
from weld_simulator.pulse import BAND, FIRST_BIN, LAST_BIN
from weld_simulator.steel import REFERENCE_FREQUENCY, REFERENCE_GRAIN, VELOCITY

REFERENCE_GRAIN_LEVEL = 10 ** (-38 / 20)
"""Structural noise (rms) over a near wall's echo, at the reference grain and frequency."""

_DEPTH = (np.arange(SAMPLES) / SAMPLING_RATE * VELOCITY / 2).astype(np.float32)


def structural_noise_spectrum(
    generator: np.random.Generator, pulses: Float32, centre: Float64, grain: Float64, attenuation: Float64
) -> np.ndarray[tuple[int, int], np.dtype[np.complex64]]:
    """Spectra `[N, B]` of the grains' echoes, relative to a near wall's echo.

    Grains are many in each resolution cell, so that their echoes add up to Gaussian noise (the independent scatterer
    model: Margetan, Gray & Thompson, Rev. Prog. QNDE 10, 1991, 1721-1728). It belongs to the place: a sensor that does
    not move sees the same noise in each tick. Its amplitude grows as `D^1.5 f²`, the root of Rayleigh scattering, and
    falls with depth as `exp(-2αz)` with the attenuation `[N]` in Np/m at the centre frequency `[N]`.
    """
    reflectivity = generator.standard_normal((len(centre), SAMPLES), dtype=np.float32)
    reflectivity *= np.exp(-2 * attenuation.astype(np.float32)[:, None] * _DEPTH)
    filters = pulses * (BAND / centre.astype(np.float32)[:, None]) ** 2
    filters /= np.sqrt(2 / SAMPLES * (filters**2).sum(axis=1, keepdims=True))
    level = REFERENCE_GRAIN_LEVEL * (grain / REFERENCE_GRAIN) ** 1.5 * (centre / REFERENCE_FREQUENCY) ** 2
    spectrum = np.fft.rfft(reflectivity, axis=1)[:, FIRST_BIN:LAST_BIN]
    return np.asarray(spectrum * (filters * level.astype(np.float32)[:, None]), dtype=np.complex64)


def electronic_noise(generator: np.random.Generator, level: Float64) -> Float32:
    """White noise `[N, SAMPLES]` of the receiver with rms levels `[N]`, relative to full scale; new in each tick."""
    noise = generator.standard_normal((len(level), SAMPLES), dtype=np.float32)
    noise *= level.astype(np.float32)[:, None]
    return noise
