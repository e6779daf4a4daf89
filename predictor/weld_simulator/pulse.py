"""The pulse that a probe sends, and its spectrum."""

from __future__ import annotations

import numpy as np

from weld_simulator.digitiser import SAMPLES, SAMPLING_RATE, Float32, Float64

FIRST_BIN, LAST_BIN = 8, 112
BAND = (np.arange(FIRST_BIN, LAST_BIN) * (SAMPLING_RATE / SAMPLES)).astype(np.float32)
"""Frequencies `[B]` in Hz at which echoes are computed: 0.8 to 10.8 MHz. A 5 MHz probe sends next to nothing beyond."""

RINGING_SAMPLES = 80
_RINGING_TIME = np.arange(RINGING_SAMPLES) / SAMPLING_RATE
_INITIAL_AMPLITUDE = 8.0


def pulse_spectrum(centre: Float64, bandwidth: Float64) -> Float32:
    """Spectra `[N, B]` of pulses with centre frequencies `[N]` in Hz and relative -6 dB bandwidths `[N]`.

    A Gaussian pulse, `exp(-t²/2s²) cos(2πft)`, which describes measured echoes well (Demirli & Saniie, IEEE Trans.
    UFFC 48(3), 2001, 787-802). Its spectrum is a Gaussian that has fallen to half at `f (1 ± b/2)`. Scaled so that the
    pulse peaks at 1 in the time domain.
    """
    width = (bandwidth * centre / (2 * np.sqrt(2 * np.log(2)))).astype(np.float32)
    spectrum = np.exp(-0.5 * ((BAND - centre.astype(np.float32)[:, None]) / width[:, None]) ** 2)
    return np.asarray(spectrum * (SAMPLES / (2 * spectrum.sum(axis=1, keepdims=True))), dtype=np.float32)


def initial_pulse(centre: Float64, decay: Float64) -> Float32:
    """The transmitted pulse and the probe's ringing `[N, RINGING_SAMPLES]`, from the A-scan's start.

    A damped oscillation at the centre frequencies `[N]` in Hz with time constants `[N]` in s. It begins at eight times
    full scale: the receiver is driven into saturation, and the first millimetres of steel are blind (the dead zone;
    Krautkrämer & Krautkrämer, Ultrasonic Testing of Materials, 4th ed., 1990, ch. 10).
    """
    envelope = np.exp(-_RINGING_TIME / decay[:, None])
    return (_INITIAL_AMPLITUDE * envelope * np.sin(2 * np.pi * centre[:, None] * _RINGING_TIME)).astype(np.float32)
