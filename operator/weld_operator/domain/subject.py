"""The WeldModel that a decision is about, also when its spec cannot be honoured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pydantic import ValidationError

from weld_api import names
from weld_api.action import ACTION_ANNOTATION, RolloutAction
from weld_api.spec import WeldModelSpec
from weld_api.status import WeldModelStatus
from weld_api.weld_model import InvalidWeldModelError, parse_weld_model
from weld_operator.domain.told_action import MalformedAction, read_action
from weld_operator.kinds import WELD_MODEL, Key, Kind, Object


@dataclass(frozen=True)
class Owner:
    """What the objects of a WeldModel belong to in their cluster, so that they go with it."""

    kind: Kind
    name: str
    uid: str


@dataclass(frozen=True)
class Subject:
    """A WeldModel, or its part in one region: who it is, what it asks for, and the state that its status keeps.

    `spec` is None when it cannot be honoured, and `fault` is then the sentence that says why. `action` is the last
    thing that a person told its rollout. `region` is empty for a WeldModel that has none. `anchor` is what its objects
    belong to in another cluster, which does not know the WeldModel. `node_selector`: labels of the nodes that its Pods
    run on.
    """

    name: str
    namespace: str
    uid: str
    generation: int
    resource_version: str
    status: WeldModelStatus
    spec: WeldModelSpec | None = None
    fault: str = ""
    action: RolloutAction | MalformedAction | None = None
    region: str = ""
    anchor: Owner | None = None
    node_selector: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        return Key(self.namespace, self.name)

    @property
    def serving_name(self) -> str:
        """What its revisions, its HTTPRoute and its host are named by."""
        return names.serving_name(self.name, self.region)

    @property
    def owner(self) -> Owner:
        """What its objects belong to."""
        return self.anchor or Owner(WELD_MODEL, self.name, self.uid)


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
        action=_action(metadata.get("annotations", {})),
    )
    try:
        model = parse_weld_model({"metadata": metadata, "spec": body.get("spec", {})})
    except InvalidWeldModelError as error:
        return replace(subject, fault=str(error))
    return replace(subject, spec=model.spec)


def _action(annotations: Mapping[str, str]) -> RolloutAction | MalformedAction | None:
    text = annotations.get(ACTION_ANNOTATION)
    return None if text is None else read_action(text)


def _status(body: Object) -> WeldModelStatus:
    try:
        return WeldModelStatus.model_validate(body)
    except ValidationError:
        return WeldModelStatus()
