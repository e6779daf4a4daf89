"""The anchors of WeldModels in other clusters: found, made and deleted."""

from __future__ import annotations

import logging

from weld_operator.adapters.cluster import ConflictError
from weld_operator.adapters.cluster_access import ClusterAccess
from weld_operator.desired.anchor import anchor, anchor_name, home_of, is_anchor_of
from weld_operator.domain.subject import Owner, Subject
from weld_operator.kinds import CONFIG_MAP, Object
from weld_operator.metrics import Metrics
from weld_operator.observer import Listing, is_going

_log = logging.getLogger(__name__)


class AnchorTakenError(Exception):
    """An object of the anchor's name belongs to somebody else; the text is one sentence."""


class Anchors:
    """`home`: this installation, in words."""

    def __init__(self, home: str, metrics: Metrics) -> None:
        self._home = home
        self._metrics = metrics

    async def find(self, access: ClusterAccess, subject: Subject, listing: Listing) -> Owner | None:
        """The WeldModel's anchor there, if there is one.

        Raises AnchorTakenError, ConflictError while it is on its way out, and any other ClusterError.
        """
        name = anchor_name(subject.name)
        listed = (body for body in listing.get(CONFIG_MAP) or () if body["metadata"]["name"] == name)
        body = next(listed, None) or await access.cluster.get(CONFIG_MAP, subject.namespace, name)
        return None if body is None else _owner(body, subject)

    async def ensure(self, access: ClusterAccess, subject: Subject, listing: Listing) -> Owner:
        """The WeldModel's anchor there, made where there is none. Raises as `find` does."""
        found = await self.find(access, subject, listing)
        if found is not None:
            return found
        made = await access.cluster.create(CONFIG_MAP, anchor(subject, self._home))
        self._metrics.writes.labels(CONFIG_MAP.name, "create").inc()
        _log.info(
            "Made ConfigMap %s, to which all else in the cluster of Secret %s belongs",
            anchor_name(subject.name),
            access.secret,
        )
        return _owner(made, subject)

    async def delete(self, access: ClusterAccess, subject: Subject) -> bool:
        """Delete the WeldModel's anchor there, and by it all else; whether there was one.

        One that belongs to somebody else is none of ours. Raises ClusterError.
        """
        body = await access.cluster.get(CONFIG_MAP, subject.namespace, anchor_name(subject.name))
        if body is None or not is_anchor_of(body, subject):
            return False
        await access.cluster.delete(CONFIG_MAP, subject.namespace, anchor_name(subject.name), body["metadata"]["uid"])
        self._metrics.writes.labels(CONFIG_MAP.name, "delete").inc()
        _log.info(
            "Deleted ConfigMap %s, and with it all else in the cluster of Secret %s",
            anchor_name(subject.name),
            access.secret,
        )
        return True


def _owner(body: Object, subject: Subject) -> Owner:
    about = body["metadata"]
    if not is_anchor_of(body, subject):
        raise AnchorTakenError(
            f"ConfigMap {about['name']} there belongs to {home_of(body)}; if that is gone, delete the ConfigMap, and "
            "what it left there goes with it"
        )
    if is_going(body):
        raise ConflictError(f"ConfigMap {about['name']} is still being deleted")
    return Owner(CONFIG_MAP, about["name"], about["uid"])
