"""What people tell a rollout: one annotation on the WeldModel, which nothing in Git owns."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from weld_api.names import GROUP
from weld_api.rollout_status import LONGEST_SENTENCE
from weld_api.schema import Schema
from weld_api.spec import SHA256_PATTERN

ACTION_ANNOTATION = f"{GROUP}/rollout-action"
ACTION_FIELD_MANAGER = "weldserve-cli"

Verb = Literal["promote", "pause", "resume", "abort", "retry"]


class RolloutAction(Schema):
    """One act; the operator carries it out once, if it is about the candidate that is on trial then."""

    id: Annotated[str, Field(min_length=1, max_length=64, description="Unlike that of any other act.")]
    verb: Verb
    digest: Annotated[str, Field(pattern=SHA256_PATTERN, description="Of the candidate that it is about.")]
    by: Annotated[str, Field(min_length=1, max_length=253, description="Who acts, as the API server knows them.")]
    why: Annotated[str, Field(min_length=1, max_length=LONGEST_SENTENCE, description="Why, in their words.")]
    at: Annotated[datetime, Field(description="When.")]
