"""Gathers what is there of one WeldModel."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace

from weld_api import names
from weld_operator.adapters.cluster import Cluster, NotServedError
from weld_operator.desired.metadata import pod_labels
from weld_operator.domain.observation import Observation, RevisionObservation, unknown
from weld_operator.domain.revisions import stable
from weld_operator.domain.subject import Subject
from weld_operator.kinds import DEPLOYMENT, HTTP_ROUTE, INFERENCE_SERVICE, OWNED_KINDS, POD, Kind, Object

Live = dict[Kind, dict[str, Object]]
"""Objects of ours by kind and name."""


class Observer:
    """Reads a cluster; Pods only while a revision is not complete."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def look(self, subject: Subject) -> tuple[Live, Observation]:
        """Everything that carries our label and this WeldModel's uid, and what is seen of its revisions."""
        labels = {names.MODEL_LABEL: subject.name}
        kinds = (*OWNED_KINDS, DEPLOYMENT)
        answers = await asyncio.gather(*(self._list(kind, subject.namespace, labels) for kind in kinds))
        found = dict(zip(kinds, answers, strict=True))
        live = {kind: _by_name(item for item in found[kind] or () if _is_owned(item, subject)) for kind in OWNED_KINDS}
        await self._find_unlabelled(subject, live)
        deployments = _by_name(found[DEPLOYMENT] or ())
        services = [each for each in live[INFERENCE_SERVICE].values() if not is_going(each)]
        revisions = await asyncio.gather(*(self._observe_revision(each, deployments) for each in services))
        return live, Observation(
            revisions={each.name: each for each in revisions},
            route=live[HTTP_ROUTE].get(subject.name),
            obstacles=tuple(unknown(kind) for kind in OWNED_KINDS if found[kind] is None),
        )

    async def _list(self, kind: Kind, namespace: str, labels: Mapping[str, str]) -> list[Object] | None:
        """The objects; None when the cluster does not know their kind."""
        try:
            return await self._cluster.list(kind, namespace, labels)
        except NotServedError:
            return None

    async def _find_unlabelled(self, subject: Subject, live: Live) -> None:
        """Add what the status tells of and the label did not find: somebody may have edited the label."""
        told = subject.status.revisions
        expected = [(INFERENCE_SERVICE, each.name) for each in told]
        expected += [(HTTP_ROUTE, subject.name)] if stable(told) is not None else []
        for kind, name in expected:
            if name in live[kind]:
                continue
            body = await self._get(kind, subject.namespace, name)
            if body is not None and _is_owned(body, subject):
                live[kind][name] = body

    async def _get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        try:
            return await self._cluster.get(kind, namespace, name)
        except NotServedError:
            return None

    async def _observe_revision(self, service: Object, deployments: Mapping[str, Object]) -> RevisionObservation:
        """The revision with its Deployment, and with its Pods while not everything is in order."""
        name = service["metadata"]["name"]
        revision = RevisionObservation(service, deployments.get(names.predictor_name(name)))
        if revision.is_complete:
            return revision
        pods = await self._cluster.list(POD, service["metadata"]["namespace"], pod_labels(name))
        return replace(revision, pods=tuple(sorted(pods, key=lambda pod: str(pod["metadata"]["name"]))))


def is_going(body: Object) -> bool:
    """Whether the object is being deleted."""
    return "deletionTimestamp" in body["metadata"]


def _by_name(bodies: Iterable[Object]) -> dict[str, Object]:
    return {body["metadata"]["name"]: body for body in bodies}


def _is_owned(body: Object, subject: Subject) -> bool:
    return any(owner["uid"] == subject.uid for owner in body["metadata"].get("ownerReferences", []))
