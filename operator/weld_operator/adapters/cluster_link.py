"""The way to one other cluster: its credentials, its health, and what it tells.

One task keeps it: it reads the Secret again and again, tries the connection, and follows the cluster while that
answers. So credentials that are replaced are taken up, and a cluster that is lost is noticed and found again, whether
or not anybody asks for it; meanwhile nobody waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from weld_api.names import MODEL_LABEL
from weld_operator.adapters.cached_cluster import CachedCluster, FollowedCluster
from weld_operator.adapters.clock import Clock
from weld_operator.adapters.cluster import Cluster, ClusterError, UnreachableError
from weld_operator.adapters.cluster_access import Silence
from weld_operator.adapters.guarded_cluster import GuardedCluster
from weld_operator.adapters.informer import Concerns, everything
from weld_operator.adapters.kubeconfig_secret import CredentialsError, RemoteAccess
from weld_operator.adapters.kubernetes_cluster import KubernetesCluster
from weld_operator.kinds import DEPLOYMENT, OWNED_KINDS, SECRET, Key, Object
from weld_operator.work_queue import Backoff

_log = logging.getLogger(__name__)

LOOK_SECONDS = 10.0
"""Between looks at the Secret and the cluster, while it answers."""

RETRY = Backoff(first=0.5, longest=15.0)
FIRST_LOOK_SECONDS = 10.0
"""Time that whoever asks first waits for the first look."""

GROUP_OF_ALL = "apps"
"""An API group that every cluster has: to ask for it needs no right."""


class ClusterLink:
    """Makes itself known by `changed`, which is called whenever the cluster is lost or found."""

    def __init__(
        self,
        home: Cluster,
        place: Key,
        clock: Clock,
        *,
        read: Callable[[Object], RemoteAccess],
        connect: Callable[[RemoteAccess], KubernetesCluster],
        changed: Callable[[], None],
        noticed: Callable[[Key], None],
        concerns: Concerns = everything,
    ) -> None:
        """`place`: the Secret's. `noticed`: called with each WeldModel that something happened to there.

        `concerns`: what of the cluster is kept.
        """
        self._home = home
        self._place = place
        self._clock = clock
        self._read = read
        self._connect = connect
        self._changed = changed
        self._connection: KubernetesCluster | None = None
        self._version = ""
        self._wake = asyncio.Event()
        self._looked = asyncio.Event()
        self._following: asyncio.Task[None] | None = None
        self.access: RemoteAccess | None = None
        self.silence: Silence | None = Silence("NotTried", f"the cluster of Secret {place.name} has not been tried yet")
        self.cluster = CachedCluster(
            GuardedCluster(self._current, self._fail, lambda _: self._wake.set()),
            clock,
            [place.namespace],
            lambda _, body: self._notice(body, noticed),
            kinds=(*OWNED_KINDS, DEPLOYMENT),
            concerns=concerns,
        )
        self._task = asyncio.create_task(self._keep(), name=f"link of {place}")

    async def until_looked(self) -> None:
        """Wait for the first look, for a while."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_LOOK_SECONDS):
                await self._looked.wait()

    def give_up(self, message: str) -> None:
        """Somebody has waited long enough for an answer."""
        self._fail(UnreachableError(message))

    async def close(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        await self._unfollow()
        if self._connection is not None:
            await self._connection.close()

    async def _keep(self) -> None:
        failures = 0
        while True:
            self._wake.clear()
            try:
                silence = await self._look()
            except Exception:  # noqa: BLE001 - whatever goes wrong with one cluster, its link goes on
                _log.exception("The link of Secret %s has a fault; it is tried again", self._place)
                silence = Silence("Fault", "the operator has a fault; its log says more")
            await self._set(silence)
            self._looked.set()
            failures = 0 if silence is None else failures + 1
            pause = LOOK_SECONDS if silence is None else RETRY.delay(failures - 1, 0.5)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), pause)

    async def _look(self) -> Silence | None:
        try:
            await self._take_credentials()
        except CredentialsError as error:
            return Silence("CredentialsUnusable", str(error))
        except ClusterError as error:
            if self._connection is None:
                return Silence("CredentialsUnread", f"Secret {self._place.name} cannot be read: {error}")
        try:
            async with asyncio.timeout(LOOK_SECONDS / 2):
                await self._connected().versions(GROUP_OF_ALL)
        except TimeoutError:
            return Silence("ClusterUnreachable", f"no answer within {LOOK_SECONDS / 2:g} s")
        except ClusterError as error:
            return Silence("ClusterUnreachable", str(error))
        return None

    async def _take_credentials(self) -> None:
        """Connect anew where the Secret is another one than before. Raises CredentialsError or ClusterError."""
        secret = await self._home.get(SECRET, *self._place)
        if secret is None:
            raise CredentialsError(f"there is no Secret {self._place.name}")
        version = f"{secret['metadata']['uid']} {secret['metadata']['resourceVersion']}"
        if version == self._version:
            return
        access = self._read(secret)
        former, self._connection = self._connection, self._connect(access)
        self.access, self._version = access, version
        await self._unfollow()
        if former is not None:
            _log.info("The credentials of Secret %s were replaced", self._place)
            await former.close()

    async def _set(self, silence: Silence | None) -> None:
        was_silent, self.silence = self.silence, silence
        if silence is None and (self._following is None or self._following.done()):
            self._following = asyncio.create_task(self.cluster.run(), name=f"cache of {self._place}")
        elif silence is not None:
            await self._unfollow()
        if (was_silent is None) != (silence is None) or not self._looked.is_set():
            self._tell(silence)

    def _fail(self, error: UnreachableError) -> None:
        """Not to be asked any more, until the next look finds that it answers."""
        if self.silence is None:
            self.silence = Silence("ClusterUnreachable", str(error))
            self._tell(self.silence)
        self._wake.set()

    def _tell(self, silence: Silence | None) -> None:
        if silence is None:
            _log.info("The cluster of Secret %s answers", self._place)
        else:
            _log.warning("The cluster of Secret %s cannot be reached: %s", self._place, silence.message)
        self._changed()

    def _connected(self) -> KubernetesCluster:
        if self._connection is None:
            raise UnreachableError(f"Secret {self._place.name} has given no way to a cluster")
        return self._connection

    def _current(self) -> FollowedCluster:
        if self.silence is not None:
            raise UnreachableError(self.silence.message)
        return self._connected()

    def _notice(self, body: Object, noticed: Callable[[Key], None]) -> None:
        name = body["metadata"].get("labels", {}).get(MODEL_LABEL)
        if name is not None:
            noticed(Key(self._place.namespace, name))

    async def _unfollow(self) -> None:
        if self._following is not None:
            self._following.cancel()
            await asyncio.wait([self._following])
            self._following = None
