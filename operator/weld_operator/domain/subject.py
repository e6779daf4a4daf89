"""The WeldModel that a decision is about, also when its spec cannot be honoured."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pydantic import ValidationError

from weld_api.spec import WeldModelSpec
from weld_api.status import WeldModelStatus
from weld_api.weld_model import InvalidWeldModelError, parse_weld_model
from weld_operator.kinds import Key, Object


@dataclass(frozen=True)
class Subject:
    """A WeldModel: who it is, what it asks for, and the state that its status keeps.

    `spec` is None when it cannot be honoured, and `fault` is then the sentence that says why.
    """

    name: str
    namespace: str
    uid: str
    generation: int
    resource_version: str
    status: WeldModelStatus
    spec: WeldModelSpec | None = None
    fault: str = ""

    @property
    def key(self) -> Key:
        return Key(self.namespace, self.name)


def subject_of(body: Object) -> Subject:
    """Read a WeldModel as the API server keeps it; a status that cannot be read counts as lost."""
    metadata = body["metadata"]
    subject = Subject(
        name=metadata["name"],
        namespace=metadata["namespace"],
        uid=metadata["uid"],
        generation=metadata["generation"],
        resource_version=metadata["resourceVersion"],
        status=_status(body.get("status", {})),
    )
    try:
        model = parse_weld_model({"metadata": metadata, "spec": body.get("spec", {})})
    except InvalidWeldModelError as error:
        return replace(subject, fault=str(error))
    return replace(subject, spec=model.spec)


def _status(body: Object) -> WeldModelStatus:
    try:
        return WeldModelStatus.model_validate(body)
    except ValidationError:
        return WeldModelStatus()
