"""The WeldModel resource, and the sentence that says what is wrong with one."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from weld_api.names import DNS_LABEL_LENGTH, host_label_length, serving_name
from weld_api.spec import WeldModelSpec
from weld_api.status import WeldModelStatus


class Metadata(BaseModel):
    """The part of Kubernetes' metadata that weldserve reads; the rest is left alone."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)

    name: str
    namespace: str
    uid: str
    generation: int
    deletion_timestamp: str | None = None


class WeldModel(BaseModel):
    """A WeldModel as the API server keeps it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    metadata: Metadata
    spec: WeldModelSpec
    status: WeldModelStatus = WeldModelStatus()


class InvalidWeldModelError(ValueError):
    """A spec that cannot be honoured; the text is one sentence that names the field."""


def parse_weld_model(body: dict[str, Any]) -> WeldModel:
    """Read what the API server keeps. Raises InvalidWeldModelError for what an older or newer schema let in."""
    try:
        model = WeldModel.model_validate(body)
    except ValidationError as error:
        raise InvalidWeldModelError(sentence(error)) from error
    _check_names(model)
    return model


def _check_names(model: WeldModel) -> None:
    for region in ("", *(each.name for each in model.spec.regions)):
        serving = serving_name(model.metadata.name, region)
        length = host_label_length(serving, model.metadata.namespace)
        if length > DNS_LABEL_LENGTH:
            with_region = f", the name of spec.regions {region!r}" if region else ""
            raise InvalidWeldModelError(
                f"metadata.name {model.metadata.name!r}{with_region} and the namespace's name are together "
                f"{length - DNS_LABEL_LENGTH} characters too long: KServe could not build a host name from them"
            )


def sentence(error: ValidationError) -> str:
    """The first fault of a validation error: the field, the value and what would be right."""
    faults = error.errors()
    # What is misspelled is missed too: its own name says more.
    first = next((each for each in faults if each["type"] == "extra_forbidden"), faults[0])
    field = ".".join(str(part) for part in first["loc"]) or "the document"
    message = first["msg"].removeprefix("Value error, ")
    match first["type"]:
        case "extra_forbidden":
            return f"{field} is not a field that weldserve knows"
        case "missing":
            return f"{field} is required"
        case "value_error":
            return f"{field}: {message}"
        case _:
            return f"{field} is {first['input']!r}: {message[0].lower()}{message[1:]}"
