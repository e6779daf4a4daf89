"""One container of a Pod: started, probed, ended, and started again with back-off."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from tests.sandbox.kube_api import ApiError, Object, path_of
from tests.sandbox.node.container_process import ContainerProcess
from tests.sandbox.node.downward import ConfigError, Place
from tests.sandbox.node.environment import Sources, source_names
from tests.sandbox.node.host import Host
from tests.sandbox.node.images import ImageError
from tests.sandbox.node.plan import Plan, plan
from tests.sandbox.node.pod_status import ContainerRecord, Running, State, Terminated, Waiting
from tests.sandbox.node.probing import Probing
from tests.sandbox.node.termination import termination_message
from tests.sandbox.node.volumes import entries_of

logger = logging.getLogger(__name__)

CONFIG_RETRY_SECONDS = 1.0
LEAST_GRACE_SECONDS = 2.0
START_ERROR = 128  # the exit code that a container runtime gives to a program that cannot be run


@dataclass
class PodSurroundings:
    """What the containers of one Pod share; `changed` is called after each change of a record."""

    host: Host
    pod: Object
    place: Place
    folder: Path
    volumes: Mapping[str, Path]
    stopping: asyncio.Event
    changed: Callable[[], None]

    async def pause(self, seconds: float) -> None:
        """Wait, but not longer than until the Pod is to stop."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)

    @property
    def key(self) -> str:
        """`name_namespace(uid)`, as the kubelet's messages have it."""
        metadata = self.pod["metadata"]
        return f"{metadata['name']}_{metadata['namespace']}({metadata['uid']})"


class ContainerRunner:
    """Runs one container; `record` is what is known of it at any time."""

    def __init__(self, container: Object, record: ContainerRecord) -> None:
        self._container = container
        self._process: ContainerProcess | None = None
        self._plan: Plan | None = None
        self.record = record

    async def run(self, around: PodSurroundings, restarts: Callable[[int], bool]) -> bool:
        """Run it until it ends with a code after which it is not started again; whether that was success.

        Returns soon after `around.stopping` is set; a process that runs then must be ended by `end`.
        """
        failures = 0
        while not around.stopping.is_set():
            planned = await self._planned(around)
            if planned is None or around.stopping.is_set():
                await around.pause(CONFIG_RETRY_SECONDS)
                continue
            end = await self._run_once(planned, around)
            if around.stopping.is_set() or not restarts(end.exit_code):
                return end.exit_code == 0
            ran = (end.finished_at - end.started_at).total_seconds()
            failures = 1 if around.host.backoff.forgets(ran) else failures + 1
            await self._back_off(around, end, around.host.backoff.delay(failures))
        return False

    def explain_waiting(self, around: PodSurroundings, message: str) -> None:
        """Say why the container waits for its Pod."""
        if isinstance(self.record.state, Waiting):
            self._become(around, replace(self.record.state, message=message))

    async def end(self, around: PodSurroundings, grace_seconds: float) -> None:
        """End the process that runs, if one does: preStop hook, SIGTERM, and SIGKILL when the grace is over."""
        process, planned = self._process, self._plan
        if process is None or planned is None:
            return
        loop = asyncio.get_running_loop()
        deadline = loop.time() + grace_seconds
        await around.host.prober.pre_stop(self._container, planned, grace_seconds)
        # A hook may use up the whole grace; the kubelet leaves the process a little even then.
        await process.end(max(deadline - loop.time(), min(grace_seconds, LEAST_GRACE_SECONDS)))

    async def _planned(self, around: PodSurroundings) -> Plan | None:
        """The plan of the next run; None, and a waiting state that says why, when there can be none now."""
        try:
            sources = await _sources(self._container, around)
            return plan(self._container, around.pod, around.place, sources, around.volumes, around.folder)
        except ImageError as error:
            self._wait(around, "ImagePullBackOff", str(error))
        except ConfigError as error:
            self._wait(around, "CreateContainerConfigError", str(error))
        except (ApiError, aiohttp.ClientError, TimeoutError) as error:
            logger.info("%s: %s waits for the API server: %s", around.key, self.record.name, error)
        except OSError as error:  # of a folder that a mount needs
            self._wait(around, "CreateContainerConfigError", str(error))
        return None

    async def _back_off(self, around: PodSurroundings, end: Terminated, delay: float) -> None:
        if delay > 0:
            message = f"back-off {delay:g}s restarting failed container={self.record.name} pod={around.key}"
            self._wait(around, "CrashLoopBackOff", message, last=end)
            await around.pause(delay)

    async def _run_once(self, planned: Plan, around: PodSurroundings) -> Terminated:
        begun = datetime.now(UTC)
        before = self.record.end
        self.record = replace(
            self.record,
            last=before or self.record.last,
            restarts=self.record.restarts + (1 if self.record.process else 0),
        )
        try:
            process = await ContainerProcess.start(planned)
        except OSError as error:
            self.record = replace(self.record, process="process://none")
            end = Terminated(START_ERROR, "StartError", f'exec: "{planned.command[0]}": {error}', begun, begun)
        else:
            code = await self._until_end(process, planned, around, begun)
            end = self._ended(code, process, planned, begun)
        self._become(around, end)
        return end

    async def _until_end(
        self, process: ContainerProcess, planned: Plan, around: PodSurroundings, begun: datetime
    ) -> int:
        self._process, self._plan = process, planned
        if around.stopping.is_set():  # while it was being started
            await process.end(0)
        self.record = replace(self.record, process=f"process://{process.pid}-{begun.timestamp():.0f}")
        probed = [kind for kind in ("startupProbe", "readinessProbe") if kind in self._container]
        self._become(around, Running(begun), started="startupProbe" not in probed, ready=not probed)
        probing = asyncio.create_task(self._probe(planned, around))
        try:
            return await process.wait()
        finally:
            self._process = None
            probing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await probing

    def _ended(self, code: int, process: ContainerProcess, planned: Plan, begun: datetime) -> Terminated:
        message = termination_message(
            planned.termination_file,
            planned.log,
            process.log_start,
            policy=self._container.get("terminationMessagePolicy", "File"),
            failed=code != 0,
        )
        return Terminated(code, "Completed" if code == 0 else "Error", message, begun, datetime.now(UTC))

    async def _probe(self, planned: Plan, around: PodSurroundings) -> None:
        """Heed the startup probe until it has a verdict, then the other two side by side, until cancelled."""
        probing = Probing(self._container, planned, around.host.prober)
        if not await probing.starts():
            await self._kill(around, "startup")
            return
        self._become(around, self.record.state, started=True, ready="readinessProbe" not in self._container)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._heed_readiness(probing, around))
            tasks.create_task(self._heed_liveness(probing, around))

    async def _heed_readiness(self, probing: Probing, around: PodSurroundings) -> None:
        async for ready in probing.readiness():
            if ready != self.record.ready:
                self._become(around, self.record.state, started=True, ready=ready)

    async def _heed_liveness(self, probing: Probing, around: PodSurroundings) -> None:
        async for alive in probing.liveness():
            # As with the kubelet, a Pod that is to stop is no longer asked whether it is alive.
            if not alive and not around.stopping.is_set():
                await self._kill(around, "liveness")
                return

    async def _kill(self, around: PodSurroundings, probe: str) -> None:
        logger.info("%s: container %s failed its %s probe and is ended", around.key, self.record.name, probe)
        seconds = self._container.get(f"{probe}Probe", {}).get("terminationGracePeriodSeconds")
        await self.end(around, seconds or around.pod["spec"].get("terminationGracePeriodSeconds", 30))

    def _wait(self, around: PodSurroundings, reason: str, message: str, *, last: Terminated | None = None) -> None:
        self.record = replace(self.record, last=last or self.record.end or self.record.last)
        self._become(around, Waiting(reason, message))

    def _become(self, around: PodSurroundings, state: State, *, started: bool = False, ready: bool = False) -> None:
        self.record = replace(self.record, state=state, started=started, ready=ready)
        around.changed()


async def _sources(container: Object, around: PodSurroundings) -> Sources:
    """The ConfigMaps and Secrets that the container's environment refers to, as far as they exist."""
    config_maps, secrets = source_names(container)
    return Sources(
        config_maps=await _existing("configmaps", config_maps, around),
        secrets=await _existing("secrets", secrets, around),
    )


async def _existing(plural: str, names: set[str], around: PodSurroundings) -> dict[str, dict[str, str]]:
    entries: dict[str, dict[str, str]] = {}
    for name in names:
        path = path_of("v1", plural, around.pod["metadata"]["namespace"], name)
        found = await around.host.api.get_or_none(path)
        if found is not None:
            entries[name] = {key: value.decode(errors="surrogateescape") for key, value in entries_of(found).items()}
    return entries
