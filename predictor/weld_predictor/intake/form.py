"""What a card lets a client send: features or waveforms, who measured when, and what the plant measured besides."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from weld_api.card import BundleCard
from weld_api.spec import INPUT_NAME_PATTERN
from weld_predictor.intake.tensor import BYTES, FP32, INT16, INT64, shape_text
from weld_simulator.feature_sets import WaveformFeatures, feature_set

FEATURES = "features"
ASCANS = "ascans"
SENSOR_ID = "sensor_id"
SAMPLED_AT = "sampled_at"

MOST_UNREAD = 8
"""Tensors of context in one request that the card does not ask for."""
LONGEST_NAME = 63
"""Of an input, as in a card."""

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
    """Tensors that another version asks for, and clients send to every version: those whose names are known here."""
    waveform: WaveformFeatures | None = None
    """The set that `measured` belongs to; None where waveforms are not accepted."""
    extracted: tuple[int, ...] = ()
    """For each of `measured`, its place in that set."""

    @classmethod
    def of(cls, card: BundleCard) -> Self:
        """The form that follows from the inputs of `card`."""
        names = [model_input.name for model_input in card.inputs]
        context = {
            model_input.name: column
            for column, model_input in enumerate(card.inputs)
            if model_input.source == _FROM_THE_PLANT
        }
        measured = tuple(column for column, name in enumerate(names) if name not in context)
        known = known_features(card)
        places = {} if known is None else {feature.name: place for place, feature in enumerate(known.features)}
        if known is None or any(names[column] not in places for column in measured):
            return cls(columns=len(names), measured=measured, context=context, ignored=frozenset())
        return cls(
            columns=len(names),
            measured=measured,
            context=context,
            ignored=frozenset(feature.name for feature in known.context) - set(names),
            waveform=known,
            extracted=tuple(places[names[column]] for column in measured),
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
        return None if self.waveform is None else TensorSpec(ASCANS, (INT16,), (None, self.waveform.samples))

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

    def unread(self, names: Iterable[str]) -> tuple[str, ...]:
        """Of tensors that came, context that the card does not ask for."""
        own = {FEATURES, ASCANS, SENSOR_ID, SAMPLED_AT, *self.context}
        return tuple(name for name in names if name not in own)

    def __str__(self) -> str:
        waveforms = "" if self.waveforms is None else f" or {self.waveforms}"
        context = "".join(f", {TensorSpec(name, (FP32,), (None,))} (optional)" for name in self.context)
        return f"{self.features}{waveforms}, {', '.join(map(str, self.required))}{context}"

    def bytes_per_reading(self, per_feature: int, per_sample: int) -> int:
        """Room for one reading's numbers, of the larger of its forms."""
        samples = 0 if self.waveform is None else self.waveform.samples
        context = len(self.context) + MOST_UNREAD
        return context * per_feature + max(len(self.measured) * per_feature, samples * per_sample)

    def extract(self, ascans: NDArray[np.int16]) -> NDArray[np.float32]:
        """Features [N, len(measured)] of waveforms [N, S], as in training. Only where waveforms are accepted."""
        assert self.waveform is not None
        return self.waveform.extract(ascans)[:, self.extracted]


def may_be_context(name: str, datatype: str, shape: tuple[int, ...]) -> bool:
    """Whether a tensor that no one here knows may be what the plant measured, for a model that is to come.

    Gateways begin to send an input before all who answer ask for it.
    """
    well_named = len(name) <= LONGEST_NAME and re.fullmatch(INPUT_NAME_PATTERN, name) is not None
    return well_named and datatype == FP32 and len(shape) == 1


def known_features(card: BundleCard) -> WaveformFeatures | None:
    """The set that the features of `card` belong to, where this predictor takes it from waveforms in that version."""
    return None if card.features is None else feature_set(card.features.name, card.features.version)
