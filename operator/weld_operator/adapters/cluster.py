"""What the operator asks of a cluster, and how a cluster says no."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from weld_operator.kinds import Kind, Object


class ClusterError(Exception):
    """The cluster did not do what was asked; the text is one sentence."""


class UnreachableError(ClusterError):
    """No answer, or one that asks for patience: the same request may succeed later."""


class BusyError(UnreachableError):
    """It has answered, and asks for patience: itself, or a webhook that it asks, has trouble."""


class ConflictError(ClusterError):
    """The object is not what the request took it for: it was changed, or made anew, by somebody else."""


class RefusedError(ClusterError):
    """The request is wrong, or not allowed: a schema, an admission webhook, a quota or a missing permission."""


class NotServedError(ClusterError):
    """The cluster does not know this kind of object: its CustomResourceDefinition is missing."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(f"the cluster does not know {kind.name} of {kind.api_version}")
        self.kind = kind


class Cluster(Protocol):
    """Reads show every write of this process that was acknowledged before. Each may raise any ClusterError."""

    async def serves(self, kind: Kind) -> bool:
        """Whether the cluster knows this kind of object."""

    async def versions(self, group: str) -> tuple[str, ...]:
        """The versions of an API group that the cluster knows, none where it does not know the group."""

    async def missing_fields(self, kind: Kind, fields: Sequence[str]) -> tuple[str, ...]:
        """Those of `fields`, such as `spec.predictor.model`, that the schema of this kind lacks."""

    async def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """The object, or None when there is none of that name."""

    async def list(self, kind: Kind, namespace: str | None, labels: Mapping[str, str]) -> list[Object]:
        """The objects that have all of these labels, in one namespace or (None) in all."""

    async def apply(self, kind: Kind, body: Object) -> Object:
        """Server-side apply: make the object, or make its fields equal to those of `body`; give back the result.

        Fields that an earlier apply set and this one leaves out are removed; fields of others stay.
        """

    async def apply_status(self, kind: Kind, body: Object) -> Object:
        """Server-side apply of the status alone; ConflictError when the object is gone or has another resourceVersion.

        The API server does not mind the uid here, so that nothing else tells an object from one made anew.
        """

    async def apply_finalizers(self, kind: Kind, body: Object) -> Object:
        """Server-side apply of an object's finalizers, by a field manager of their own.

        ConflictError when the object is gone or has another resourceVersion.
        """

    async def create(self, kind: Kind, body: Object) -> Object:
        """Make an object; ConflictError when there is one of that name."""

    async def replace(self, kind: Kind, body: Object) -> Object:
        """Replace the object whose resourceVersion `body` has; ConflictError when it has changed since."""

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        """Delete the object of this name and uid; nothing happens when there is none.

        ConflictError when it was being changed just then, and is still there.
        """
