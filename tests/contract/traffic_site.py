"""A traffic backend at work on a real API server: what it wants is written as the operator writes it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import aiohttp

from tests.contract.traffic_cluster import DOMAIN, GATEWAY, TrafficCluster
from tests.sandbox.kube_api import ApiError, Object, path_of
from tests.sandbox.waiting import wait_for
from weld_api import names
from weld_api.spec import WeldModelSpec
from weld_operator.desired.target import Target
from weld_operator.desired.traffic.backend import Found, TrafficBackend, TrafficObservation, TrafficPlan
from weld_operator.desired.traffic.choice import backend_of
from weld_operator.domain.decision import DesiredRevision
from weld_operator.domain.subject import Subject, subject_of
from weld_operator.kinds import WELD_MODEL, Kind

MODEL = "north-line"
TARGET = Target(*GATEWAY, DOMAIN, "weldserve")
PAUSE_SECONDS = 0.2
PATIENCE_SECONDS = 60
REST_SECONDS = 2

Until = Callable[[TrafficObservation], bool]


@dataclass
class TrafficSite:
    """One WeldModel, its backend, and each state of the traffic that was ever seen of it."""

    cluster: TrafficCluster
    client: aiohttp.ClientSession
    owner: Subject
    backend: TrafficBackend
    seen: list[TrafficObservation] = field(default_factory=list)

    @classmethod
    async def make(
        cls, cluster: TrafficCluster, client: aiohttp.ClientSession, namespace: str, serving: Object
    ) -> TrafficSite:
        """A WeldModel with this `spec.serving`, in a namespace of its own."""
        await cluster.prepare(namespace)
        body = {
            "apiVersion": WELD_MODEL.api_version,
            "kind": WELD_MODEL.name,
            "metadata": {"name": MODEL, "namespace": namespace},
            "spec": spec_of("a", serving),
        }
        made = await cluster.api.create(path_of(WELD_MODEL.api_version, WELD_MODEL.plural, namespace), body)
        owner = subject_of(made)
        return cls(cluster, client, owner, backend_of(owner.spec))

    def revision(self, letter: str, replicas: int = 1) -> DesiredRevision:
        """The revision of the bundle that a test calls by one hexadecimal letter."""
        assert self.owner.spec is not None
        serving = self.owner.spec.serving.model_dump(mode="json", exclude_none=True)
        spec = WeldModelSpec.model_validate(spec_of(letter, serving))
        return DesiredRevision(names.revision_name(MODEL, letter * 64), letter * 64, spec, replicas)

    async def bring(self, plan: TrafficPlan, until: Until, what: str) -> TrafficObservation:
        """Write what the plan wants, again and again as the cluster follows, until it shows what is waited for."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            now = await self.look()
            if until(now):
                return now
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.backend.name}: no {what} within {PATIENCE_SECONDS} s, but {now}")
            await self.write(plan)
            await asyncio.sleep(PAUSE_SECONDS)

    async def wait(self, until: Until, what: str) -> TrafficObservation:
        """Look on, and write nothing."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not until(now := await self.look()):
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.backend.name}: no {what} within {PATIENCE_SECONDS} s, but {now}")
            await asyncio.sleep(PAUSE_SECONDS)
        return now

    async def rest(self, plan: TrafficPlan) -> TrafficObservation:
        """Keep to a plan for a while, in which whatever is on its way comes to its end."""
        deadline = time.monotonic() + REST_SECONDS
        return await self.bring(plan, lambda _: time.monotonic() > deadline, "rest")

    async def look(self) -> TrafficObservation:
        now = self.backend.read(self.owner, await self.found())
        self.seen.append(now)
        return now

    async def write(self, plan: TrafficPlan) -> list[tuple[Kind, str, str]]:
        """Apply and delete as the operator does; gives kind, name and resourceVersion of all that is wanted."""
        found = await self.found()
        wanted = self.backend.objects(self.owner, plan, found, TARGET)
        written = [
            (kind, body["metadata"]["name"], await self._apply(kind, body))
            for kind, body in wanted
            if "deletionTimestamp" not in found[kind].get(body["metadata"]["name"], body)["metadata"]
        ]
        kept = frozenset(each.name for each in (plan.stable, plan.candidate, *plan.retiring) if each is not None)
        places = {(kind, name) for kind, name, _ in written}
        for kind in self.backend.owned_kinds:
            for name, body in found[kind].items():
                is_ours = any(owner["uid"] == self.owner.uid for owner in body["metadata"].get("ownerReferences", []))
                stays = (kind, name) in places or self.backend.stays(kind, name, self.owner, kept)
                if is_ours and not stays:
                    await self.delete(kind, name)
        return written

    async def delete(self, kind: Kind, name: str) -> None:
        try:
            await self.cluster.api.delete(self._path(kind, name))
        except ApiError as error:
            if error.status != 404:
                raise

    async def found(self) -> Found:
        """All that has the WeldModel's label, whoever owns it."""
        selector = f"{names.MODEL_LABEL}={MODEL}"
        listed = await asyncio.gather(
            *(self.cluster.api.list(self._path(kind), label_selector=selector) for kind in self.backend.reads)
        )
        return {
            kind: {body["metadata"]["name"]: body for body in bodies}
            for kind, bodies in zip(self.backend.reads, listed, strict=True)
        }

    async def pods(self, revision: DesiredRevision) -> frozenset[str]:
        """The uids of a revision's Pods that are not on their way out."""
        labels = ",".join(f"{key}={value}" for key, value in self.backend.pod_labels(revision.name).items())
        pods = await self.cluster.api.list(path_of("v1", "pods", self.owner.namespace), label_selector=labels)
        return frozenset(each["metadata"]["uid"] for each in pods if "deletionTimestamp" not in each["metadata"])

    async def until_gone(self, revision: DesiredRevision) -> None:
        """Wait until no Pod of a revision is left that is not on its way out."""
        await wait_for(
            lambda: self.pods(revision), lambda found: not found, seconds=PATIENCE_SECONDS, what="end of Pods"
        )

    async def answers(self, url: str | None, number: int, headers: dict[str, str]) -> Counter[str]:
        """Which revisions answer so many requests, by the digits of their digests."""
        pods = await self.cluster.api.list(path_of("v1", "pods", self.owner.namespace))
        digits = {each["metadata"]["name"]: each["metadata"]["labels"].get(names.REVISION_LABEL, "") for each in pods}
        host = urlsplit(url or TARGET.url(MODEL, self.owner.namespace)).netloc
        counted: Counter[str] = Counter()
        for _ in range(number):
            async with self.client.post(self.cluster.gateway_url, headers={"Host": host, **headers}) as response:
                body = await response.json() if response.status == 200 else {}
                counted[digits.get(body.get("pod", ""), f"status {response.status}")] += 1
        return counted

    async def _apply(self, kind: Kind, body: Object) -> str:
        path = self._path(kind, body["metadata"]["name"])
        applied = await self.cluster.api.apply(path, body, manager=names.FIELD_MANAGER)
        return str(applied["metadata"]["resourceVersion"])

    def _path(self, kind: Kind, name: str | None = None) -> str:
        return path_of(kind.api_version, kind.plural, self.owner.namespace, name)


def spec_of(letter: str, serving: Object) -> Object:
    """A WeldModel's spec that asks for that bundle."""
    return {
        "asset": {"kind": "PipelineWeld", "site": "north-line"},
        "model": {"version": f"{int(letter, 16)}.0.0", "uri": "pvc://bundles/bundle", "sha256": letter * 64},
        "workload": {"readingsPerTick": 10_000},
        "serving": serving,
    }
