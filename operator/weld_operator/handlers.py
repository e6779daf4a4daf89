"""What kopf watches, and the threads that it watches in.

kopf hands over keys and does nothing else: no handler that stores progress, no finalizer, no events of its own, no
peering. What belongs to WeldModels is followed by `adapters.cached_cluster`: kopf keeps something of each object that
it sees, and does not tell when it has told all. It runs in a thread with an event loop of its own, as it ends every
task of its loop when it ends. Whenever it ends, such as when a resource definition that it watches is deleted, the next
run begins in another thread at once, as the first may take half a minute to end. It looks for the kinds to watch when
it starts, and not again: a resource definition is announced later than it is established, which its own look at them
misses.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from typing import Any

import kopf

from weld_operator.adapters.connection import Credentials
from weld_operator.kinds import WELD_MODEL, Key

_log = logging.getLogger(__name__)

PAUSE_SECONDS = 1.0
"""Between one run of kopf and the next."""


class Patience(Iterable[float]):
    """Seconds to wait after each failed request; kopf, which would end after the last, is never given a last."""

    def __iter__(self) -> Iterator[float]:
        yield 0.2
        yield 0.5
        yield 1.0
        yield from itertools.repeat(2.0)


IDENTITY: Any = "weldserve"
"""Of use among kopf's own peers alone, and there are none; its type is private to kopf."""

Notice = Callable[[Key], None]
Login = Callable[[], Awaitable[Credentials]]


class Watcher:
    """Watches WeldModels until it is stopped.

    `notice` is called in another thread, with the key of each WeldModel that something may have happened to, at least
    once for each one that exists after `start`.
    """

    def __init__(self, login: Login, namespaces: Collection[str], notice: Notice) -> None:
        self._login = login
        self._namespaces = namespaces
        self._notice = notice
        self._is_stopped = threading.Event()
        self._is_ready = threading.Event()
        self._end_of_run = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watcher", daemon=True)

    @property
    def is_ready(self) -> bool:
        return self._is_ready.is_set()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def restart(self) -> None:
        """Begin anew, so that kinds which the cluster knows since are watched."""
        self._end_of_run.set()

    def stop(self) -> None:
        """Ask the threads to end; they do not keep the process."""
        self._is_stopped.set()
        self._end_of_run.set()

    def _watch(self) -> None:
        while not self._is_stopped.is_set():
            self._end_of_run = threading.Event()
            run = _Run(self._login, self._namespaces, self._notice, ready=self._is_ready, end=self._end_of_run)
            threading.Thread(target=run.run, name="kopf", daemon=True).start()
            self._end_of_run.wait()
            self._is_stopped.wait(PAUSE_SECONDS)


class _Run:
    """One run of kopf; `end` ends it, and is set when it ends by itself."""

    def __init__(
        self,
        login: Login,
        namespaces: Collection[str],
        notice: Notice,
        *,
        ready: threading.Event,
        end: threading.Event,
    ) -> None:
        self._registry = registry(notice, login)
        self._namespaces = namespaces
        self._ready = ready
        self._end = end

    def run(self) -> None:
        try:
            asyncio.run(self._run())
        except Exception:  # noqa: BLE001 - kopf escalates whatever a watch dies of, and watching must go on
            _log.exception("Watching ended; it begins again")
        finally:
            self._end.set()

    async def _run(self) -> None:
        tasks = await kopf.spawn_tasks(
            registry=self._registry,
            settings=settings(),
            # Its own choice asks for the name of the user, which a container's user id may not have.
            identity=IDENTITY,
            standalone=True,
            clusterwide=not self._namespaces,
            namespaces=self._namespaces,
            ready_flag=self._ready,
            stop_flag=self._end,
        )
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        self._end.set()
        await kopf.run_tasks(tasks)


def registry(notice: Notice, credentials: Login) -> kopf.OperatorRegistry:
    """The handlers: one that notices WeldModels, and one that logs in."""
    handlers = kopf.OperatorRegistry()

    @kopf.on.login(registry=handlers)
    async def login(**_: Any) -> kopf.ConnectionInfo:
        return await _connection_info(credentials)

    @kopf.on.event(WELD_MODEL.group, WELD_MODEL.version, WELD_MODEL.plural, registry=handlers)
    def weld_model(namespace: str | None, name: str | None, **_: Any) -> None:
        if namespace and name:
            notice(Key(namespace, name))

    return handlers


def settings() -> kopf.OperatorSettings:
    """kopf that writes nothing, and does not give up."""
    chosen = kopf.OperatorSettings()
    chosen.posting.enabled = False
    chosen.networking.error_backoffs = Patience()
    chosen.scanning.disabled = True
    return chosen


async def _connection_info(credentials: Login) -> kopf.ConnectionInfo:
    """The address and the credentials of the operator's own connection, as they are now."""
    now = await credentials()
    return kopf.ConnectionInfo(
        server=now.server,
        ca_path=now.authority,
        insecure=not now.is_verified,
        scheme=now.scheme or None,
        token=now.token or None,
        certificate_path=now.certificate,
        private_key_path=now.private_key,
    )
