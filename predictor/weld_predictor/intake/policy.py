"""What becomes of readings that come late, disordered or more often than they need to be scored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from typing import Self

from weld_api.card import BundleCard
from weld_api.predictor_settings import PredictorSettings
from weld_api.quantity import parse_duration

TIMES_OF_A_SENSOR = 6
"""Sampling times that are remembered, with their answers."""

_SHORTEST_REPETITION = timedelta(seconds=10)


class PolicyError(ValueError):
    """What was asked for does not fit the bundle's card; the message is one sentence."""


class Sampling(IntEnum):
    """Which of a sensor's sound readings are scored."""

    ALL = 0
    EVERY_NTH = 1
    ON_CHANGE = 2


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of intake; `memory` says how they work together."""

    sampling: Sampling = Sampling.ALL
    every: int = 1
    """With EVERY_NTH: of so many readings of a sensor one is scored."""
    longest_silence: timedelta = timedelta(seconds=10)
    """From a reading that is scored on; after it, the next one is scored, whatever the sampling."""
    dead_bands: tuple[tuple[int, float], ...] = ()
    """With ON_CHANGE: columns of the features, and how far each may go from where it was."""
    reject_late: bool = False
    """Whether readings that are late are not scored."""
    repeat_for: timedelta = _SHORTEST_REPETITION
    """From the last new reading of a sensor on: for so long its answers are given again. A clock that stands still
    makes each reading look like the last, and must not have it answered for ever."""
    most_sensors: int = 1_000_000

    @classmethod
    def of(cls, settings: PredictorSettings, card: BundleCard) -> Self:
        """The rules of `settings` for a model with `card`. Raises PolicyError for a feature that it does not have."""
        names = [model_input.name for model_input in card.inputs]
        for name, _ in settings.dead_bands:
            if name not in names:
                raise PolicyError(
                    f"--on-change={settings.on_change}: {name} is not an input of the bundle's card, "
                    f"expected one of {', '.join(names)}"
                )
        return cls(
            sampling=_SAMPLINGS[settings.sampling],
            every=settings.every_nth or 1,
            longest_silence=parse_duration(settings.longest_silence),
            dead_bands=tuple((names.index(name), width) for name, width in settings.dead_bands),
            reject_late=settings.late == "Reject",
            repeat_for=max(_SHORTEST_REPETITION, TIMES_OF_A_SENSOR * parse_duration(settings.tick)),
            most_sensors=settings.most_sensors,
        )


_SAMPLINGS = {"All": Sampling.ALL, "EveryNth": Sampling.EVERY_NTH, "OnChange": Sampling.ON_CHANGE}
