"""Sets of features that are taken from waveforms, by name: what training takes, a predictor takes with the same code.

A kind whose gauges send numbers needs none. A new set is one line here, or an entry point of the group
`weldserve.feature_sets` in a package that the predictor's image has installed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from weld_simulator.digitiser import Float32, Int16
from weld_simulator.registry import Registry


@dataclass(frozen=True, slots=True)
class Feature:
    """One column: values stay within its range, ends included."""

    name: str
    unit: str
    minimum: float
    maximum: float
    meaning: str


@dataclass(frozen=True, slots=True)
class Limit:
    """A value of one feature from which a reading is flagged."""

    feature: str
    value: float


@dataclass(frozen=True, slots=True)
class WaveformFeatures:
    """One set; another number for the same waveform needs another version."""

    name: str
    version: int
    samples: int
    """Of each waveform, int16."""
    features: tuple[Feature, ...]
    context: tuple[Feature, ...]
    """What models with these features may be told besides: measured by the plant, not by the sensor."""
    extract: Callable[[Int16], Float32]
    """Features `[N, len(features)]` of waveforms `[N, samples]`: of each from itself alone, whatever the batch."""
    saturated: Limit | None = None
    """Above it, the waveform is at full scale for longer than the initial pulse lasts."""
    no_coupling: Limit | None = None
    """Below it, what is taken for the wall's echo may be noise."""


FEATURE_SETS = Registry(
    what="set of features",
    type=WaveformFeatures,
    group="weldserve.feature_sets",
    own={"weld-pulse-echo": "weld_simulator.features:PULSE_ECHO"},
)


def feature_set(name: str, version: int) -> WaveformFeatures | None:
    """The set of this name in this version; None where it is not here, so that its waveforms cannot be taken."""
    if name not in FEATURE_SETS:
        return None
    found = FEATURE_SETS.find(name)
    return found if found.version == version else None
