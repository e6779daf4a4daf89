"""The bundle's card: what a packaged model says of itself (`card.yaml`)."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, field_validator, model_validator

from weld_api.schema import Schema
from weld_api.spec import KIND_PATTERN, SEMANTIC_VERSION_PATTERN


class ModelInput(Schema):
    """One column of the features matrix."""

    name: Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z][a-z0-9_]*$")]
    dtype: Literal["float32"] = "float32"
    unit: Annotated[str, Field(min_length=1, max_length=32, description="SI symbol, `dB`, or `1` for a ratio.")]
    minimum: Annotated[float, Field(allow_inf_nan=False, description="Lowest value that the sensor can mean.")]
    maximum: Annotated[float, Field(allow_inf_nan=False, description="Highest value that the sensor can mean.")]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.minimum >= self.maximum:
            raise ValueError(f"minimum {self.minimum} of {self.name!r} must be below its maximum {self.maximum}")
        return self


class Evaluation(Schema):
    """The held-out evaluation that the decision threshold was judged by."""

    dataset: Annotated[str, Field(min_length=1, description="What it was measured on, in a few words.")]
    readings: Annotated[int, Field(ge=1)]
    precision: Annotated[float, Field(ge=0, le=1)]
    recall: Annotated[float, Field(ge=0, le=1)]


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

    @field_validator("libraries")
    @classmethod
    def _scikit_learn_is_stated(cls, libraries: dict[str, str]) -> dict[str, str]:
        if "scikit-learn" not in libraries:
            raise ValueError("the version of scikit-learn is missing")
        return libraries
