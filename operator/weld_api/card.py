"""The bundle's card: what a packaged model says of itself (`card.yaml`)."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, field_validator, model_validator

from weld_api.schema import Schema
from weld_api.spec import INPUT_NAME_PATTERN, KIND_PATTERN, SEMANTIC_VERSION_PATTERN


class ModelInput(Schema):
    """One column of the features matrix."""

    name: Annotated[str, Field(min_length=1, max_length=63, pattern=INPUT_NAME_PATTERN)]
    dtype: Literal["float32"] = "float32"
    unit: Annotated[str, Field(min_length=1, max_length=32, description="SI symbol, `dB`, or `1` for a ratio.")]
    minimum: Annotated[float, Field(allow_inf_nan=False, description="Lowest value that the sensor can mean.")]
    maximum: Annotated[float, Field(allow_inf_nan=False, description="Highest value that the sensor can mean.")]
    source: Annotated[
        Literal["AScan", "Context"],
        Field(description="AScan: computed from the waveform. Context: measured by the plant, and may be missing."),
    ] = "AScan"

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.minimum >= self.maximum:
            raise ValueError(f"minimum {self.minimum} of {self.name!r} must be below its maximum {self.maximum}")
        return self


Share = Annotated[float, Field(ge=0, le=1)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class Interval(Schema):
    """Within which a share lies with a confidence of 95 %."""

    lowest: Share
    highest: Share

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.lowest > self.highest:
            raise ValueError(f"lowest {self.lowest} must not be above highest {self.highest}")
        return self


class Evaluation(Schema):
    """The held-out evaluation that the decision threshold was judged by."""

    dataset: Annotated[str, Field(min_length=1, description="What it was measured on, in a few words.")]
    readings: Annotated[int, Field(ge=1)]
    precision: Share
    recall: Share
    precision_interval: Interval | None = None
    recall_interval: Interval | None = None
    interval_method: Annotated[str | None, Field(max_length=500)] = None


class FeatureSet(Schema):
    """Which code made the inputs from waveforms; a predictor with another version must not make them."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", max_length=63)]
    version: Annotated[int, Field(ge=1)]


class InputProfile(Schema):
    """How one input was distributed in training."""

    name: Annotated[str, Field(min_length=1, max_length=63)]
    edges: Annotated[tuple[Finite, ...], Field(min_length=2, max_length=257, description="Of the bins, rising.")]
    counts: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(description="Readings in each bin.")]
    missing: Annotated[int, Field(ge=0, description="Readings without a value.")] = 0
    quantiles: Annotated[tuple[Finite, ...], Field(description="At the profile's probabilities.")]

    @model_validator(mode="after")
    def _bins_fit(self) -> Self:
        if len(self.counts) != len(self.edges) - 1:
            raise ValueError(f"{self.name!r} has {len(self.edges)} edges, so {len(self.edges) - 1} counts are expected")
        if any(one >= other for one, other in pairwise(self.edges)):
            raise ValueError(f"the edges of {self.name!r} must rise")
        return self


class TrainingProfile(Schema):
    """The distribution of the training readings, to tell later ones from it."""

    readings: Annotated[int, Field(ge=1)]
    probabilities: Annotated[tuple[Share, ...], Field(min_length=1, description="Of the quantiles.")]
    inputs: tuple[InputProfile, ...]
    correlation: Annotated[
        tuple[tuple[Annotated[float, Field(ge=-1, le=1)], ...], ...],
        Field(description="Pearson's, of the inputs in their order; a constant input has none and gets 0."),
    ]

    @model_validator(mode="after")
    def _sizes_fit(self) -> Self:
        for profile in self.inputs:
            if len(profile.quantiles) != len(self.probabilities):
                raise ValueError(f"{profile.name!r} must have {len(self.probabilities)} quantiles")
        if [len(row) for row in self.correlation] != [len(self.inputs)] * len(self.inputs):
            raise ValueError(f"correlation must have {len(self.inputs)} rows of as many numbers")
        return self


Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Stalls(Schema):
    """When a replica stands still through no fault of its own: its machine, its kernel or its memory has it wait."""

    per_second: Annotated[NotNegative, Field(description="That begin, by chance, whether it has work or not.")]
    seconds: Annotated[
        tuple[Positive, ...], Field(min_length=1, max_length=100, description="That they take, equally likely each.")
    ]

    @property
    def share_of_time(self) -> float:
        """That goes by in them."""
        return self.per_second * sum(self.seconds) / len(self.seconds)

    @model_validator(mode="after")
    def _leave_time(self) -> Self:
        if self.share_of_time >= 1:
            raise ValueError(f"stalls take {self.share_of_time:.0%} of the time, which leaves none to work in")
        return self


class Throughput(Schema):
    """How fast one replica was and how much it took, as `weldserve bundle measure` found; what a plan reckons with."""

    scorer: Literal["native", "scikit-learn"]
    cores: Annotated[int, Field(ge=1, description="That the replica could use.")]
    busy_cores: Annotated[Positive, Field(description="That it kept busy in full passes.")]
    request_readings: Annotated[int, Field(ge=1, description="Readings in each request, for the two rates.")]
    readings_per_second: Annotated[Positive, Field(description="Of one replica whose passes are full.")]
    readings_per_second_per_core: Annotated[Positive, Field(description="The same by the cores that it kept busy.")]
    seconds_per_pass: Annotated[NotNegative, Field(description="Beside what its requests and readings take.")]
    seconds_per_request: NotNegative
    seconds_per_reading: Positive
    seconds_on_way: Annotated[
        NotNegative,
        Field(description="By which an answer of a replica that was at rest comes later, and keeps it from nothing."),
    ] = 0.0
    quick_readings: Annotated[
        int, Field(ge=0, description="In the largest pass that is so quick that nothing waits for company after it.")
    ] = 0
    scoring_seconds_per_reading: Annotated[
        NotNegative, Field(description="Of these, the estimator's alone: what a reading that is not scored spares.")
    ]
    spread: Annotated[
        tuple[Positive, ...],
        Field(min_length=1, max_length=100, description="Equally likely factors by which passes of a size differ."),
    ] = (1.0,)
    stalls: Annotated[Stalls | None, Field(description="Left out: not measured, and reckoned as none.")] = None
    memory_bytes: Annotated[int, Field(ge=1, description="Of one replica, at its peak.")]
    request_bytes_per_reading: Positive
    answer_bytes_per_reading: Positive
    machine: Annotated[str, Field(min_length=1, max_length=200)]
    measured_at: AwareDatetime


FlagName = Literal["not_finite", "out_of_range", "unknown_sensor", "missing_context", "saturated", "no_coupling"]
FlagHandling = Literal["Reserve", "Reject"]


class BundleCard(Schema):
    """Everything about a bundle that is not the estimator's own numbers."""

    format: Literal["weldserve.io/card/v1"] = "weldserve.io/card/v1"
    name: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", max_length=63)]
    version: Annotated[str, Field(pattern=SEMANTIC_VERSION_PATTERN, max_length=63)]
    asset_kind: Annotated[str, Field(pattern=KIND_PATTERN, max_length=63)]
    description: Annotated[str, Field(max_length=2000)] = ""
    created: Annotated[
        AwareDatetime | None,
        Field(description="When it was made; left out where the same making must give the same digest."),
    ] = None
    estimator: Annotated[
        str,
        Field(
            min_length=1,
            max_length=253,
            description="Public import path of the estimator's class, such as sklearn.ensemble.RandomForestClassifier.",
        ),
    ]
    inputs: Annotated[tuple[ModelInput, ...], Field(min_length=1, max_length=1024)]
    decision_threshold: Annotated[float, Field(gt=0, lt=1, description="Risk from which a reading is at risk.")]
    evaluation: Evaluation
    features: Annotated[FeatureSet | None, Field(description="Left out: waveforms are not accepted.")] = None
    flags: Annotated[
        dict[FlagName, FlagHandling],
        Field(description="What becomes of a flagged reading: scored with Reserve, or not scored (Reject)."),
    ] = Field(default_factory=dict)
    profile: TrainingProfile | None = None
    throughput: Annotated[Throughput | None, Field(description="Measured; left out where nobody did.")] = None
    sites: Annotated[tuple[str, ...], Field(max_length=10_000, description="Sites that the readings came from.")] = ()
    intended_use: Annotated[str, Field(max_length=2000)] = ""
    limits: Annotated[tuple[str, ...], Field(max_length=100, description="Where it must not be relied upon.")] = ()
    libraries: Annotated[
        dict[str, Annotated[str, Field(min_length=1, max_length=63)]],
        Field(
            min_length=1,
            max_length=32,
            description="Versions of the libraries that the estimator was made with; scikit-learn is one of them.",
        ),
    ]

    @field_validator("inputs")
    @classmethod
    def _inputs_are_distinct(cls, inputs: tuple[ModelInput, ...]) -> tuple[ModelInput, ...]:
        seen: set[str] = set()
        for model_input in inputs:
            if model_input.name in seen:
                raise ValueError(f"{model_input.name!r} is named twice; each input has a name of its own")
            seen.add(model_input.name)
        return inputs

    @model_validator(mode="after")
    def _profile_is_of_the_inputs(self) -> Self:
        names = [model_input.name for model_input in self.inputs]
        if self.profile is not None and [profile.name for profile in self.profile.inputs] != names:
            raise ValueError("profile must describe the inputs, all of them in their order")
        return self

    @field_validator("libraries")
    @classmethod
    def _scikit_learn_is_stated(cls, libraries: dict[str, str]) -> dict[str, str]:
        if "scikit-learn" not in libraries:
            raise ValueError("the version of scikit-learn is missing")
        return libraries
