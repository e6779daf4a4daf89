"""One Pod of a node, from its volumes to its last process."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import aiohttp

from tests.sandbox.kube_api import ApiError, Object, path_of
from tests.sandbox.node.addresses import AddressesExhaustedError
from tests.sandbox.node.container_runner import ContainerRunner, PodSurroundings
from tests.sandbox.node.downward import Place
from tests.sandbox.node.host import Host
from tests.sandbox.node.pod_status import (
    ContainerRecord,
    PodRecord,
    Terminated,
    Waiting,
    pod_status,
    restarts_after,
)
from tests.sandbox.node.status_writer import StatusWriter
from tests.sandbox.node.volumes import VolumeError, Volumes
from tests.sandbox.watching import Cache

logger = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
FORCED_GRACE_SECONDS = 1.0  # for a Pod whose object is gone already
FINISHED_PHASES = ("Succeeded", "Failed")


class PodRunner:
    """Runs one Pod until it is deleted: call `run` once, and tell it what the API server says."""

    def __init__(self, host: Host, pod: Object) -> None:
        self._host = host
        self._pod = pod
        self._begun = datetime.now(UTC)
        self._status: Object = pod.get("status", {})
        self._finished = self._status.get("phase") in FINISHED_PHASES
        self._stopping = asyncio.Event()
        self._stopped = False
        self._abandoned = False
        self._grace_seconds = 0.0
        self._writer = StatusWriter(host.api, pod)
        self._volumes = Volumes(host.api, pod, self._folder / "volumes")
        self._around = PodSurroundings(
            host=host,
            pod=pod,
            place=Place("", host.name, host.addresses.node, host.api.server),
            folder=self._folder,
            volumes={},
            stopping=self._stopping,
            changed=self._report,
        )
        spec = pod["spec"]
        reason = "PodInitializing" if spec.get("initContainers") else "ContainerCreating"
        self._init = self._runners(spec.get("initContainers", []), "initContainerStatuses", reason)
        self._containers = self._runners(spec["containers"], "containerStatuses", reason)

    @property
    def key(self) -> tuple[str, str]:
        """The Pod's namespace and name."""
        return self._pod["metadata"]["namespace"], self._pod["metadata"]["name"]

    @property
    def _folder(self) -> Path:
        return self._host.folder / "pods" / "_".join(self.key)

    def renew_volumes(self, config_maps: Cache) -> None:
        """Bring the volumes of ConfigMaps up to date."""
        try:
            self._volumes.renew(partial(config_maps.get, self.key[0]))
        except OSError as error:  # the Pod may be going with all its files
            logger.info("%s: volumes are not renewed: %s", self._around.key, error)

    def observe(self, pod: Object) -> None:
        """Take the Pod as the API server has it now: it may have been deleted."""
        self._pod = self._around.pod = pod
        if "deletionTimestamp" in pod["metadata"]:
            self._stop(float(pod["metadata"].get("deletionGracePeriodSeconds", 0)))

    def abandon(self, grace_seconds: float = FORCED_GRACE_SECONDS) -> None:
        """End the Pod's processes and leave its object alone: it is gone, or the node stops."""
        self._abandoned = True
        self._stop(grace_seconds)

    async def run(self) -> None:
        """Run the Pod; returns when it was to stop, its last process has ended, and its object is deleted."""
        writing = asyncio.create_task(self._writer.run())
        try:
            if not self._finished:
                await self._live()
            await self._stopping.wait()
            if not self._abandoned:
                await self._retire()
        finally:
            writing.cancel()

    def _stop(self, grace_seconds: float) -> None:
        if not self._stopping.is_set():
            self._grace_seconds = grace_seconds
            self._stopping.set()

    async def _live(self) -> None:
        """Run the containers until they are done, or until the Pod is to stop and they have ended."""
        self._around.folder.mkdir(parents=True, exist_ok=True)
        working = asyncio.create_task(self._work())
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if self._stopping.is_set():
            self._report()
            runners = [*self._init, *self._containers]
            await asyncio.gather(*(one.end(self._around, self._grace_seconds) for one in runners))
        stopping.cancel()
        await working
        self._volumes.remove()
        if self._around.place.address:
            self._host.addresses.release(self._around.place.address)

    async def _work(self) -> None:
        """What a Pod does: get its address and volumes, run its init containers in turn, then its containers."""
        self._report()
        if not await self._prepared():
            return
        policy: str = self._pod["spec"].get("restartPolicy", "Always")
        for runner in self._init:
            if not await runner.run(self._around, lambda code: code != 0 and policy != "Never"):
                return
        async with asyncio.TaskGroup() as tasks:
            for runner in self._containers:
                tasks.create_task(runner.run(self._around, lambda code: restarts_after(policy, code)))

    async def _prepared(self) -> bool:
        """Whether the Pod has an address and its volumes; tried until it has, or is to stop."""
        while not self._stopping.is_set():
            try:
                if not self._around.place.address:
                    self._around.place = replace(self._around.place, address=self._host.addresses.take())
                self._around.volumes = await self._volumes.make(self._around.place)
            except (VolumeError, AddressesExhaustedError, ApiError, aiohttp.ClientError, OSError) as error:
                logger.info("%s waits: %s", self._around.key, error)
                for runner in [*self._init, *self._containers]:
                    runner.explain_waiting(self._around, str(error))
                await self._around.pause(RETRY_SECONDS)
            else:
                self._report()
                return True
        return False

    async def _retire(self) -> None:
        """Report the end of the containers, then let the API server forget the Pod."""
        if not self._finished:
            self._stopped = True
            self._report()
            await self._writer.settled()
        metadata = self._pod["metadata"]
        path = path_of("v1", "pods", metadata["namespace"], metadata["name"])
        options: Object = {
            "kind": "DeleteOptions",
            "apiVersion": "v1",
            "gracePeriodSeconds": 0,
            "preconditions": {"uid": metadata["uid"]},
        }
        while not self._abandoned:
            try:
                await self._host.api.request("DELETE", path, body=options)
            except ApiError as error:
                if error.status in (404, 409):  # gone, or another Pod of the same name
                    return
                logger.warning("%s: the API server does not delete it: %s", self._around.key, error)
            except (aiohttp.ClientError, TimeoutError) as error:
                logger.info("%s is not deleted yet: %s", self._around.key, error)
            else:
                return
            await asyncio.sleep(RETRY_SECONDS)

    def _report(self) -> None:
        if self._abandoned:
            return
        record = PodRecord(
            node_address=self._host.addresses.node,
            address=self._around.place.address,
            started_at=self._begun,
            init=tuple(one.record for one in self._init),
            containers=tuple(one.record for one in self._containers),
            deleting=self._stopping.is_set(),
            stopped=self._stopped,
        )
        self._status = pod_status(self._pod, record, self._status, datetime.now(UTC))
        self._writer.report(self._status)

    def _runners(self, containers: list[Object], statuses: str, reason: str) -> list[ContainerRunner]:
        earlier = {one["name"]: one for one in self._status.get(statuses, [])}
        return [
            ContainerRunner(one, first_record(one, earlier.get(one["name"], {}), reason, self._begun))
            for one in containers
        ]


def first_record(container: Object, earlier: Object, reason: str, now: datetime) -> ContainerRecord:
    """What is known of a container before its first run by this process of the node.

    `earlier` is its status from a process of the node that was lost, with all that it ran; else empty.
    """
    lost = Terminated(137, "ContainerStatusUnknown", "The container was lost with its node", now, now)
    return ContainerRecord(
        name=container["name"],
        image=container.get("image", ""),
        state=Waiting(reason),
        last=lost if earlier.get("containerID") else None,
        restarts=earlier.get("restartCount", 0),
        process=earlier.get("containerID", ""),
    )
