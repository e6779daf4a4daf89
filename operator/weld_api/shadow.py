"""What a stable predictor is told of the candidate that it shadows: one file, kept up to date while it runs."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from weld_api.schema import Schema
from weld_api.spec import SHA256_PATTERN

SHADOW_FILE = "shadow.json"
SHADOW_FOLDER = "/etc/weldserve/shadow"
"""Where the ConfigMap of the revision is mounted, if there is one."""

SHADOW_LABEL_LENGTH = 8
"""Digits of the candidate's digest in the label `candidate` of the shadow's metrics."""


class ShadowOrder(Schema):
    """Forward what was scored to the candidate, and compare."""

    digest: Annotated[
        str, Field(pattern=SHA256_PATTERN, description="The candidate's; answers of others do not count.")
    ]
    version: str
    share: Annotated[int, Field(ge=1, le=100, description="Readings that are forwarded, of a hundred.")] = 100
    addresses: Annotated[
        tuple[str, ...], Field(max_length=1000, description="IP address and port of each ready replica.")
    ] = ()


def shadow_name(revision: str) -> str:
    """The ConfigMap that tells the predictors of a revision whom they shadow; there is none while they do not."""
    return f"{revision}-shadow"
