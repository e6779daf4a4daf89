"""The node's main loop: a runner for each Pod that is bound to the node."""

from __future__ import annotations

import asyncio

from tests.sandbox.kube_api import Object, path_of
from tests.sandbox.node.host import Host
from tests.sandbox.node.pod_runner import PodRunner
from tests.sandbox.node.registration import NodeDescription, Registration
from tests.sandbox.watching import Cache

STOP_GRACE_SECONDS = 5.0
RENEWAL_SECONDS = 0.5  # from one renewal of volumes to the next; a kubelet takes up to a minute or two


class Kubelet:
    """One stand-in node: run it, and cancel that for a clean stop."""

    def __init__(self, host: Host, node: NodeDescription, heartbeat_seconds: float) -> None:
        self._host = host
        self._changed = asyncio.Event()
        nodes = Cache(host.api, path_of("v1", "nodes"), asyncio.Event(), field_selector=f"metadata.name={node.name}")
        self._pods = Cache(host.api, path_of("v1", "pods"), self._changed, field_selector=f"spec.nodeName={node.name}")
        self._config_maps = Cache(host.api, path_of("v1", "configmaps"), asyncio.Event())
        self._background = (
            nodes.run,
            self._pods.run,
            self._config_maps.run,
            self._renew_volumes,
            Registration(host.api, node, nodes, heartbeat_seconds).run,
        )
        self._runners: dict[str, tuple[PodRunner, asyncio.Task[None]]] = {}

    async def run(self) -> None:
        """Register the node and run its Pods for ever; when cancelled, end every process first."""
        async with asyncio.TaskGroup() as tasks:
            for background in self._background:
                tasks.create_task(background())
            try:
                await self._pods.synced.wait()
                while True:
                    await self._changed.wait()
                    self._changed.clear()
                    self._heed(self._pods.all(), tasks)
            finally:
                await self._stop()

    def _heed(self, pods: list[Object], tasks: asyncio.TaskGroup) -> None:
        """Start a runner for each new Pod, and tell the others what became of theirs."""
        present = {pod["metadata"]["uid"]: pod for pod in pods}
        for uid, (runner, task) in list(self._runners.items()):
            if uid in present:
                runner.observe(present[uid])
            elif task.done():
                del self._runners[uid]
            else:
                runner.abandon()
        # A Pod of the same name may still be ending: the new one has the same folder, and waits.
        occupied = {runner.key for runner, _ in self._runners.values()}
        for uid, pod in present.items():
            if uid not in self._runners and (pod["metadata"]["namespace"], pod["metadata"]["name"]) not in occupied:
                self._begin(uid, pod, tasks)

    async def _renew_volumes(self) -> None:
        """Those of ConfigMaps, where they changed."""
        await self._config_maps.synced.wait()
        while True:
            for runner, _ in self._runners.values():
                runner.renew_volumes(self._config_maps)
            await asyncio.sleep(RENEWAL_SECONDS)

    def _begin(self, uid: str, pod: Object, tasks: asyncio.TaskGroup) -> None:
        runner = PodRunner(self._host, pod)
        runner.observe(pod)
        task = tasks.create_task(runner.run())
        task.add_done_callback(lambda _: self._changed.set())
        self._runners[uid] = (runner, task)

    async def _stop(self) -> None:
        for runner, _ in self._runners.values():
            runner.abandon(STOP_GRACE_SECONDS)
        running = [task for _, task in self._runners.values() if not task.done()]
        if running:
            # Those that still end with a longer grace of their own are killed with this process.
            await asyncio.wait(running, timeout=STOP_GRACE_SECONDS + 1)
