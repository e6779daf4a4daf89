"""The anchors of WeldModels in other clusters: found, made and deleted."""

from __future__ import annotations

import logging
from collections.abc import Callable

from weld_operator.adapters.cluster import ConflictError
from weld_operator.adapters.cluster_access import ClusterAccess
from weld_operator.desired.anchor import anchor, anchor_name, home_of, is_anchor_of, is_left_over
from weld_operator.domain.subject import Owner, Subject
from weld_operator.kinds import CONFIG_MAP, Object
from weld_operator.metrics import Metrics
from weld_operator.observer import Listing, is_going

_log = logging.getLogger(__name__)


class AnchorTakenError(Exception):
    """An object of the anchor's name belongs to somebody else; the text is one sentence."""


class Anchors:
    """`home`: this installation, in words; `installation`: its uid, empty while that is not known."""

    def __init__(self, home: str, installation: Callable[[], str], metrics: Metrics) -> None:
        self._home = home
        self._installation = installation
        self._metrics = metrics

    async def find(self, access: ClusterAccess, subject: Subject, listing: Listing) -> Owner | None:
        """The WeldModel's anchor there, if there is one.

        Raises AnchorTakenError, ConflictError while it is on its way out, and any other ClusterError.
        """
        body = await _there(access, subject, listing)
        return None if body is None else _owner(body, subject)

    async def ensure(self, access: ClusterAccess, subject: Subject, listing: Listing) -> Owner:
        """The WeldModel's anchor there, made where there is none; raises as `find` does.

        What an earlier WeldModel of the name left there, as its deletion waited in vain for that cluster, goes first.
        """
        body = await _there(access, subject, listing)
        if body is not None:
            await self._clear(access, subject, body)
            return _owner(body, subject)
        made = await access.cluster.create(CONFIG_MAP, anchor(subject, self._home, self._installation()))
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
        await self._delete(access, subject, body)
        return True

    async def _clear(self, access: ClusterAccess, subject: Subject, body: Object) -> None:
        """Raises ConflictError where it was left over: what belonged to it goes with it, and then there is room."""
        if is_anchor_of(body, subject) or not is_left_over(body, self._installation()):
            return
        if not is_going(body):
            await self._delete(access, subject, body)
        raise ConflictError(f"ConfigMap {anchor_name(subject.name)} of an earlier WeldModel is being deleted")

    async def _delete(self, access: ClusterAccess, subject: Subject, body: Object) -> None:
        await access.cluster.delete(CONFIG_MAP, subject.namespace, anchor_name(subject.name), body["metadata"]["uid"])
        self._metrics.writes.labels(CONFIG_MAP.name, "delete").inc()
        _log.info(
            "Deleted ConfigMap %s, and with it all else in the cluster of Secret %s",
            anchor_name(subject.name),
            access.secret,
        )


async def _there(access: ClusterAccess, subject: Subject, listing: Listing) -> Object | None:
    """What has the name of the WeldModel's anchor there."""
    name = anchor_name(subject.name)
    listed = (body for body in listing.get(CONFIG_MAP) or () if body["metadata"]["name"] == name)
    return next(listed, None) or await access.cluster.get(CONFIG_MAP, subject.namespace, name)


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
