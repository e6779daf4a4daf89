"""The act of a person, as the WeldModel's annotation tells of it."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from pydantic import ValidationError

from weld_api.action import ACTION_ANNOTATION, RolloutAction
from weld_api.rollout_status import LONGEST_SENTENCE
from weld_api.weld_model import sentence


class MalformedAction(NamedTuple):
    """What cannot be carried out: what identifies it, and the sentence that says why."""

    id: str
    fault: str


def read_action(text: str) -> RolloutAction | MalformedAction:
    """The act that the annotation's text tells of."""
    try:
        return RolloutAction.model_validate_json(text)
    except ValidationError as error:
        fault = f"annotation {ACTION_ANNOTATION} cannot be carried out: {sentence(error)}"
        return MalformedAction(hashlib.sha256(text.encode()).hexdigest()[:16], fault[:LONGEST_SENTENCE])
