"""The operator's process: everything put together, from the first connection to the last release of the Lease."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
from collections.abc import Coroutine

from weld_api.quantity import parse_duration
from weld_operator.adapters.cached_cluster import CachedCluster, FollowedCluster
from weld_operator.adapters.clock import Clock, SystemClock
from weld_operator.adapters.cluster import Cluster
from weld_operator.adapters.connection import current_credentials, load_connection
from weld_operator.adapters.fenced_cluster import FencedCluster
from weld_operator.adapters.health_server import HealthServer
from weld_operator.adapters.kubernetes_cluster import KubernetesCluster
from weld_operator.adapters.leadership import Leadership
from weld_operator.adapters.lease import JointLease, Lease, LeaseLostError, LeaseTimes
from weld_operator.adapters.prometheus_metrics import PrometheusMetrics
from weld_operator.adapters.published_documents import PublishedDocuments
from weld_operator.adapters.published_server import Certificate, PublishedServer
from weld_operator.adapters.remote_clusters import LinkedClusters
from weld_operator.adapters.scraped_metrics import ScrapedMetrics
from weld_operator.adapters.signature import Signer
from weld_operator.adapters.status_documents import StatusDocuments
from weld_operator.belonging import keys_about
from weld_operator.desired.metadata import pod_labels
from weld_operator.desired.target import Target
from weld_operator.domain.platform import GatewayName
from weld_operator.handlers import Watcher
from weld_operator.kinds import WELD_MODEL, Key, Kind, Object
from weld_operator.measuring import Measuring
from weld_operator.metrics import Metrics
from weld_operator.platform_observer import PlatformObserver
from weld_operator.platform_watch import PlatformWatch
from weld_operator.reconciler import Reconciler
from weld_operator.settings import OperatorSettings
from weld_operator.sharding import Shard
from weld_operator.workers import Workers

_log = logging.getLogger(__name__)

LEASE_LOST = 1
"""Exit status after the loss of the Lease."""


async def run(settings: OperatorSettings) -> None:
    """Run until SIGTERM or SIGINT. Raises NoConnectionError, or OSError for a port that is taken."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    connection = await load_connection(settings.kubeconfig, settings.service_account_folder)
    async with KubernetesCluster(connection) as cluster:
        program = _Program(settings, cluster)

        def notice(key: Key) -> None:
            loop.call_soon_threadsafe(program.notice, key)

        watcher = Watcher(lambda: current_credentials(connection), settings.namespaces, notice)
        await program.run_until(stopped, watcher)


class _Program:
    """The parts of the process, once there is a cluster."""

    def __init__(self, settings: OperatorSettings, cluster: FollowedCluster) -> None:
        self._settings = settings
        self._clock = SystemClock()
        self._shard = Shard() if settings.shards == 1 else None
        """Which of them is not known before it leads."""
        self._cached = CachedCluster(
            cluster, self._clock, settings.namespaces, self._notice_object, concerns=self._concerns
        )
        self._metrics = Metrics()
        self._leadership = _leadership(settings, cluster, self._clock)
        self._metrics.leader.set_function(lambda: float(self._leadership.is_held))
        target = Target(
            settings.gateway_namespace,
            settings.gateway_name,
            settings.domain,
            settings.runtime,
            settings.predictor_service_account,
            settings.prometheus_url,
        )
        gateway = GatewayName(settings.gateway_namespace, settings.gateway_name)
        self._platform = PlatformWatch(
            PlatformObserver(cluster, gateway, settings.prometheus_url), self._clock, self._metrics
        )
        self._pods = ScrapedMetrics(cluster)
        # The installation's Prometheus, or the Pods themselves where there is none.
        url = settings.prometheus_url
        self._prometheus = None if url is None else PrometheusMetrics(url)
        # The labels by which the Pods of a region are known say which region.
        self._pods_of_regions = ScrapedMetrics(cluster, pod_labels)
        self._documents = StatusDocuments()
        self._published = _published(settings, cluster, self._clock)
        self._remotes = LinkedClusters(
            cluster,
            self._clock,
            target,
            lambda remote: FencedCluster(remote, self._leadership),
            self.notice,
            self._concerns,
        )
        self._metrics.watch_clusters(self._remotes.states)
        reconciler = Reconciler(
            FencedCluster(self._cached, self._leadership),
            self._clock,
            target,
            self._metrics,
            Measuring(
                self._prometheus or self._pods,
                self._clock,
                self.notice,
                pods=self._pods,
                regional=self._prometheus or self._pods_of_regions,
                documents=self._documents,
            ),
            self._platform.shortcomings_for,
            remotes=self._remotes,
            home=f"{settings.lease_name} in namespace {settings.lease_namespace}, {settings.domain}",
            installation=lambda: self._leadership.uid,
            residency=settings.residency,
            cleanup=parse_duration(settings.remote_cleanup),
        )
        self.workers = Workers(reconciler, self._clock, self._metrics, resync=parse_duration(settings.resync))

    async def run_until(self, stopped: asyncio.Event, watcher: Watcher) -> None:
        """Watch, answer for its health, wait for the Lease and work while it is held; give it back at the end."""
        health = HealthServer(
            self._settings.listen_address,
            self._settings.http_port,
            healthy=lambda: "" if watcher.is_alive else "nothing is watched",
            ready=lambda: "" if watcher.is_ready else "watching has not begun",
            metrics=self._metrics,
        )
        await health.start()
        _log.info("Listening on %s:%d", self._settings.listen_address, health.port)
        if self._published is not None:
            await self._published.start()
            _log.info("Publishing on %s:%d", self._settings.listen_address, self._published.port)
        # Looked at before kopf does, so that whatever it misses is noticed.
        await self._platform.look()
        watcher.start()
        try:
            await _run_both_until(stopped, self._lead(), self._watch_platform(watcher))
        finally:
            watcher.stop()
            await self._leadership.release()
            await health.stop()
            if self._published is not None:
                await self._published.stop()
            await self._documents.close()
            await self._remotes.close()
            await self._pods.close()
            await self._pods_of_regions.close()
            if self._prometheus is not None:
                await self._prometheus.close()
            _log.info("Stopped")

    async def _lead(self) -> None:
        """Wait for the Lease, then work as long as it is held."""
        settings = self._settings
        _log.info("Waiting for the Lease as %s", settings.identity)
        await self._leadership.acquire()
        self._shard = Shard(self._leadership.number, settings.shards)
        _log.info("Leading" if settings.shards == 1 else f"Leading shard {self._shard.number} of {settings.shards}")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_lease(), name="lease")
            # Not before: what the leader before has written last must be known. Each WeldModel is noticed on the way.
            tasks.create_task(self._cached.run(), name="cache")
            await self._cached.until_asked()
            _log.info("Knows %d WeldModels", len(self._cached.weld_models()))
            # What is known now stays: to look through it for garbage again and again would stop everything each time.
            gc.collect()
            gc.freeze()
            for number in range(self._settings.workers):
                tasks.create_task(self.workers.work(), name=f"worker {number}")

    async def _keep_lease(self) -> None:
        try:
            await self._leadership.keep()
        except LeaseLostError as error:
            # Another replica may lead already: no write of this one, not even one under way, may come after its first.
            _log.critical("Not leading any more, ending at once: %s", error)
            logging.shutdown()
            os._exit(LEASE_LOST)

    def notice(self, key: Key) -> None:
        """Something may have happened to this WeldModel."""
        if self._shard is not None and self._shard.has(key):
            self.workers.notice(key)

    def _notice_object(self, kind: Kind, body: Object) -> None:
        for key in keys_about(kind, body):
            self.notice(key)

    def _concerns(self, kind: Kind, body: Object) -> bool:
        return self._shard is not None and self._shard.is_about(kind, body)

    def _notice_all(self) -> None:
        for key in self._cached.weld_models():
            self.workers.notice(key)

    async def _watch_platform(self, watcher: Watcher) -> None:
        """Watch what KServe or the Gateway API bring when they come after the operator, and tell every WeldModel."""
        await self._platform.keep(on_change=self._notice_all, on_new_kinds=watcher.restart)


async def _run_both_until(stopped: asyncio.Event, *endless: Coroutine[None, None, None]) -> None:
    """Run these until one ends, which is an error, or until it is stopped."""
    tasks = {asyncio.create_task(each) for each in endless}
    stopping = asyncio.create_task(stopped.wait(), name="signal")
    await asyncio.wait({*tasks, stopping}, return_when=asyncio.FIRST_COMPLETED)
    for task in (*tasks, stopping):
        task.cancel()
    await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.result()


def _published(settings: OperatorSettings, cluster: Cluster, clock: Clock) -> PublishedServer | None:
    """The server of documents, where a port is given for it. Raises UnusableKeyError."""
    if settings.published_port is None:
        return None
    chain, key = settings.published_certificate, settings.published_certificate_key
    return PublishedServer(
        settings.listen_address,
        settings.published_port,
        PublishedDocuments(lambda about: cluster.get(WELD_MODEL, about.namespace, about.name), clock, settings.country),
        namespaces=settings.namespaces,
        signer=None if settings.published_signing_key is None else Signer(settings.published_signing_key),
        certificate=None if chain is None or key is None else Certificate(chain, key),
    )


def _leadership(settings: OperatorSettings, cluster: Cluster, clock: Clock) -> Leadership:
    duration, deadline, retry = (
        parse_duration(text).total_seconds()
        for text in (settings.lease_duration, settings.lease_renew_deadline, settings.lease_retry)
    )
    times = LeaseTimes(duration, deadline, retry)
    name, namespace = settings.lease_name, settings.lease_namespace

    def own(name: str) -> Lease:
        return Lease(cluster, clock, namespace=namespace, name=name, identity=settings.identity, times=times)

    if settings.shards == 1:
        return Leadership(clock, [own(name)], retry=retry)
    division = f"{settings.shards} shards"
    joint = JointLease(cluster, clock, namespace=namespace, name=name, identity=division, times=times)
    return Leadership(clock, [own(f"{name}-{number}") for number in range(settings.shards)], joint, retry=retry)
