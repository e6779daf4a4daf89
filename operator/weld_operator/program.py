"""The operator's process: everything put together, from the first connection to the last release of the Lease."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Coroutine, Sequence

from weld_api.quantity import parse_duration
from weld_operator.adapters.clock import Clock, SystemClock
from weld_operator.adapters.cluster import Cluster, ClusterError
from weld_operator.adapters.connection import current_credentials, load_connection
from weld_operator.adapters.fenced_cluster import FencedCluster
from weld_operator.adapters.health_server import HealthServer
from weld_operator.adapters.kubernetes_cluster import KubernetesCluster
from weld_operator.adapters.lease import Lease, LeaseLostError, LeaseTimes
from weld_operator.desired.target import Target
from weld_operator.handlers import WATCHED_KINDS, Watcher
from weld_operator.kinds import WELD_MODEL, Key, Kind
from weld_operator.metrics import Metrics
from weld_operator.reconciler import Reconciler
from weld_operator.settings import OperatorSettings
from weld_operator.workers import Workers

_log = logging.getLogger(__name__)

LEASE_LOST = 1
"""Exit status after the loss of the Lease."""

FIRST_LOOK_RETRY_SECONDS = 5.0

KINDS_SECONDS = 60.0
MISSING_KINDS_SECONDS = 3.0
"""Pause between looks at what kinds the cluster knows, and while one is missing."""


async def run(settings: OperatorSettings) -> None:
    """Run until SIGTERM or SIGINT. Raises NoConnectionError, or OSError for a port that is taken."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    connection = await load_connection(settings.kubeconfig)
    clock = SystemClock()
    metrics = Metrics()
    async with KubernetesCluster(connection) as cluster:
        target = Target(settings.gateway_namespace, settings.gateway_name, settings.domain, settings.runtime)
        lease = _lease(settings, cluster, clock)
        metrics.leader.set_function(lambda: float(lease.is_held))
        reconciler = Reconciler(FencedCluster(cluster, lease), clock, target, metrics)
        workers = Workers(reconciler, clock, metrics, resync=parse_duration(settings.resync))

        def notice(key: Key) -> None:
            loop.call_soon_threadsafe(workers.notice, key)

        watcher = Watcher(lambda: current_credentials(connection), settings.namespaces, notice)
        health = HealthServer(
            settings.listen_address,
            settings.http_port,
            healthy=lambda: "" if watcher.is_alive else "nothing is watched",
            ready=lambda: "" if watcher.is_ready else "watching has not begun",
            metrics=metrics,
        )
        served = await _served_kinds(cluster, frozenset())
        watcher.start()
        noticing = asyncio.create_task(_notice_kinds(served, cluster, clock, watcher), name="kinds")
        await health.start()
        _log.info("Listening on %s:%d", settings.listen_address, health.port)
        try:
            await _lead_until(stopped, _lead(settings, cluster, lease, workers, clock))
        finally:
            noticing.cancel()
            watcher.stop()
            await lease.release()
            await health.stop()
            _log.info("Stopped")


async def _lead_until(stopped: asyncio.Event, leading: Coroutine[None, None, None]) -> None:
    """Run `leading` until it ends by itself, on an error, or until it is stopped."""
    leader = asyncio.create_task(leading, name="leader")
    stopping = asyncio.create_task(stopped.wait(), name="signal")
    await asyncio.wait({leader, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    leader.cancel()
    await asyncio.wait({leader})
    if not leader.cancelled():
        leader.result()


async def _lead(settings: OperatorSettings, cluster: Cluster, lease: Lease, workers: Workers, clock: Clock) -> None:
    """Wait for the Lease, then work as long as it is held."""
    _log.info("Waiting for Lease %s/%s as %s", settings.lease_namespace, settings.lease_name, settings.identity)
    await lease.acquire()
    _log.info("Leading")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_keep(lease), name="lease")
        tasks.create_task(_notice_all(settings.namespaces, cluster, workers, clock), name="first look")
        for number in range(settings.workers):
            tasks.create_task(workers.work(), name=f"worker {number}")


async def _keep(lease: Lease) -> None:
    try:
        await lease.keep()
    except LeaseLostError as error:
        # Another replica may lead already: no write of this one, not even one under way, may come after its first.
        _log.critical("Not leading any more, ending at once: %s", error)
        logging.shutdown()
        os._exit(LEASE_LOST)


async def _notice_kinds(served: frozenset[Kind], cluster: Cluster, clock: Clock, watcher: Watcher) -> None:
    """Watch what KServe or the Gateway API bring when they are installed after the operator."""
    while True:
        await clock.sleep(KINDS_SECONDS if len(served) == len(WATCHED_KINDS) else MISSING_KINDS_SECONDS)
        before, served = served, await _served_kinds(cluster, served)
        if served - before:
            _log.info("The cluster knows more than before: %s", ", ".join(kind.name for kind in served - before))
            watcher.restart()


async def _served_kinds(cluster: Cluster, before: frozenset[Kind]) -> frozenset[Kind]:
    """The kinds that can be watched now; as before when the cluster does not answer."""
    try:
        return frozenset([kind for kind in WATCHED_KINDS if await cluster.serves(kind)])
    except ClusterError as error:
        _log.warning("The cluster does not tell what it knows: %s", error)
        return before


async def _notice_all(namespaces: Sequence[str], cluster: Cluster, workers: Workers, clock: Clock) -> None:
    """Look at every WeldModel once: what the leader before left half done is not told by any event."""
    remaining: list[str | None] = list(namespaces) or [None]
    while remaining:
        try:
            for body in await cluster.list(WELD_MODEL, remaining[0], {}):
                workers.notice(Key(body["metadata"]["namespace"], body["metadata"]["name"]))
            del remaining[0]
        except ClusterError as error:
            _log.warning("WeldModels cannot be listed, will be tried again: %s", error)
            await clock.sleep(FIRST_LOOK_RETRY_SECONDS)


def _lease(settings: OperatorSettings, cluster: Cluster, clock: Clock) -> Lease:
    duration, deadline, retry = (
        parse_duration(text).total_seconds()
        for text in (settings.lease_duration, settings.lease_renew_deadline, settings.lease_retry)
    )
    return Lease(
        cluster,
        clock,
        namespace=settings.lease_namespace,
        name=settings.lease_name,
        identity=settings.identity,
        times=LeaseTimes(duration, deadline, retry),
    )
