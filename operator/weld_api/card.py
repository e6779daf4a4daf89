"""The bundle's card: what a packaged model says of itself (`card.yaml`)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

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
            raise ValueError(f"input {self.name!r}: minimum {self.minimum} must be below maximum {self.maximum}")
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
    created: datetime
    estimator: Annotated[str, Field(min_length=1, description="Import path of the estimator's class.")]
    inputs: Annotated[tuple[ModelInput, ...], Field(min_length=1, max_length=1024)]
    decision_threshold: Annotated[float, Field(gt=0, lt=1, description="Risk from which a reading is at risk.")]
    evaluation: Evaluation
    libraries: Annotated[dict[str, str], Field(description="Versions that the estimator was made with.")]

    @model_validator(mode="after")
    def _inputs_are_distinct(self) -> Self:
        names = [model_input.name for model_input in self.inputs]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"inputs: {twice[0]!r} is named twice; each input has a name of its own")
        return self
