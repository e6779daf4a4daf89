"""What a card lets a client send: features or waveforms, who measured when, and what the plant measured besides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from weld_api.card import BundleCard
from weld_predictor.intake.tensor import BYTES, FP32, INT16, INT64, shape_text
from weld_simulator.digitiser import SAMPLES
from weld_simulator.features import CONTEXT, FEATURE_SET, FEATURE_VERSION, extract
from weld_simulator.features import FEATURES as KNOWN_FEATURES

FEATURES = "features"
ASCANS = "ascans"
SENSOR_ID = "sensor_id"
SAMPLED_AT = "sampled_at"

_FROM_THE_PLANT = "Context"


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """An input or output of the model: one of `datatypes`, in `shape`, None being the number of readings."""

    name: str
    datatypes: tuple[str, ...]
    shape: tuple[int | None, ...]

    def __str__(self) -> str:
        return f"{self.name} {' or '.join(self.datatypes)} {shape_text(self.shape)}"


@dataclass(frozen=True, slots=True)
class InputForm:
    """The tensors of one card, and where their values go among its columns."""

    columns: int
    """F, all inputs of the card."""
    measured: tuple[int, ...]
    """Columns that the sensor measured: those of the tensor `features`, in its order."""
    context: dict[str, int]
    """Columns that the plant measured, by the name of their tensor."""
    ignored: frozenset[str]
    """Tensors that another version asks for: clients send them to every version while two of them share the traffic."""
    extracted: tuple[int, ...] | None
    """For each of `measured`, its place among the features of a waveform; None where waveforms are not accepted."""

    @classmethod
    def of(cls, card: BundleCard) -> Self:
        """The form that follows from the inputs of `card`."""
        places = {feature.name: place for place, feature in enumerate(KNOWN_FEATURES)}
        names = [model_input.name for model_input in card.inputs]
        context = {
            model_input.name: column
            for column, model_input in enumerate(card.inputs)
            if model_input.source == _FROM_THE_PLANT
        }
        measured = tuple(column for column, name in enumerate(names) if name not in context)
        known = knows_waveforms(card) and all(names[column] in places for column in measured)
        return cls(
            columns=len(names),
            measured=measured,
            context=context,
            ignored=frozenset(feature.name for feature in CONTEXT) - set(names) if known else frozenset(),
            extracted=tuple(places[names[column]] for column in measured) if known else None,
        )

    @property
    def measured_columns(self) -> slice | tuple[int, ...]:
        """`measured`, as a slice where they follow each other: numpy copies by it at a fraction of the cost."""
        first, count = (self.measured[0], len(self.measured)) if self.measured else (0, 0)
        following = slice(first, first + count)
        return following if self.measured == tuple(range(following.start, following.stop)) else self.measured

    @property
    def features(self) -> TensorSpec:
        return TensorSpec(FEATURES, (FP32,), (None, len(self.measured)))

    @property
    def waveforms(self) -> TensorSpec | None:
        return TensorSpec(ASCANS, (INT16,), (None, SAMPLES)) if self.extracted is not None else None

    @property
    def required(self) -> tuple[TensorSpec, ...]:
        """What every request has, besides `features` or `ascans`."""
        return TensorSpec(SENSOR_ID, (BYTES, INT64), (None,)), TensorSpec(SAMPLED_AT, (INT64,), (None,))

    @property
    def optional(self) -> tuple[TensorSpec, ...]:
        return tuple(TensorSpec(name, (FP32,), (None,)) for name in (*self.context, *sorted(self.ignored)))

    @property
    def specs(self) -> tuple[TensorSpec, ...]:
        """Every tensor that may come."""
        waveforms = () if self.waveforms is None else (self.waveforms,)
        return (self.features, *waveforms, *self.required, *self.optional)

    def __str__(self) -> str:
        waveforms = "" if self.waveforms is None else f" or {self.waveforms}"
        context = "".join(f", {TensorSpec(name, (FP32,), (None,))} (optional)" for name in self.context)
        return f"{self.features}{waveforms}, {', '.join(map(str, self.required))}{context}"

    def bytes_per_reading(self, per_feature: int, per_sample: int) -> int:
        """Room for one reading's numbers, of the larger of its forms."""
        samples = SAMPLES if self.extracted is not None else 0
        context = len(self.context) + len(self.ignored)
        return context * per_feature + max(len(self.measured) * per_feature, samples * per_sample)

    def extract(self, ascans: NDArray[np.int16]) -> NDArray[np.float32]:
        """Features [N, len(measured)] of waveforms [N, S], as in training. Only where waveforms are accepted."""
        assert self.extracted is not None
        return extract(ascans)[:, self.extracted]


def knows_waveforms(card: BundleCard) -> bool:
    """Whether the features of `card` are those that this predictor takes from a waveform, in the same version."""
    return card.features is not None and (card.features.name, card.features.version) == (FEATURE_SET, FEATURE_VERSION)
