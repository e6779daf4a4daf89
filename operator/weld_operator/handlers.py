"""What kopf watches, and the thread that it watches in.

kopf hands over keys and does nothing else: no handler that stores progress, no finalizer, no events of its own, no
peering. It runs in a thread with an event loop of its own, as it ends every task of its loop when it ends, and it is
started again when it ends on an error, such as an API that went away.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Collection
from typing import Any

import kopf
from kubernetes.aio.client import Configuration

from weld_api.names import MODEL_LABEL
from weld_operator.kinds import DEPLOYMENT, OWNED_KINDS, WELD_MODEL, Key, Kind

_log = logging.getLogger(__name__)

RESTART_SECONDS = (1.0, 2.0, 5.0, 10.0)
RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0)
"""Pauses between attempts to reach the API server; after the last one the watch begins anew."""

Notice = Callable[[Key], None]


class Watcher:
    """Watches WeldModels and what belongs to them, in a thread, until it is stopped.

    `notice` is called in that thread, with the key of each WeldModel that something may have happened to, at least
    once for each one that exists after `start`.
    """

    def __init__(self, connection: Configuration, namespaces: Collection[str], notice: Notice) -> None:
        self._connection = connection
        self._namespaces = namespaces
        self._notice = notice
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watcher", daemon=True)

    @property
    def is_ready(self) -> bool:
        return self._ready.is_set()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; it does so within seconds, and does not keep the process."""
        self._stop.set()

    def _watch(self) -> None:
        failures = 0
        while not self._stop.is_set():
            try:
                asyncio.run(self._run())
            except Exception:  # noqa: BLE001 - kopf escalates whatever a watch dies of, and watching must go on
                _log.exception("Watching ended; it begins again")
            self._stop.wait(RESTART_SECONDS[min(failures, len(RESTART_SECONDS) - 1)])
            failures += 1

    async def _run(self) -> None:
        await kopf.operator(
            registry=registry(self._notice, self._connection),
            settings=settings(),
            standalone=True,
            clusterwide=not self._namespaces,
            namespaces=self._namespaces,
            ready_flag=self._ready,
            stop_flag=self._stop,
        )


def registry(notice: Notice, connection: Configuration) -> kopf.OperatorRegistry:
    """The handlers: one that notices WeldModels, one for what carries our label, and one that logs in."""
    handlers = kopf.OperatorRegistry()

    @kopf.on.login(registry=handlers)
    async def login(**_: Any) -> kopf.ConnectionInfo:
        return await _credentials(connection)

    @kopf.on.event(*_selector(WELD_MODEL), registry=handlers)
    def weld_model(namespace: str | None, name: str | None, **_: Any) -> None:
        if namespace and name:
            notice(Key(namespace, name))

    def belonging(namespace: str | None, labels: kopf.Labels, meta: kopf.Meta, **_: Any) -> None:
        # A label that was edited by hand names another WeldModel than the owner.
        owners = {owner["name"] for owner in meta.get("ownerReferences", []) if owner["kind"] == WELD_MODEL.name}
        for name in owners | {labels[MODEL_LABEL]}:
            if namespace:
                notice(Key(namespace, name))

    for kind in (*OWNED_KINDS, DEPLOYMENT):
        kopf.on.event(*_selector(kind), registry=handlers, labels={MODEL_LABEL: kopf.PRESENT}, id=kind.plural)(
            belonging
        )
    return handlers


def settings() -> kopf.OperatorSettings:
    """kopf that writes nothing, and does not give up."""
    chosen = kopf.OperatorSettings()
    chosen.posting.enabled = False
    chosen.networking.error_backoffs = RETRY_SECONDS
    for kind in (*OWNED_KINDS, DEPLOYMENT):
        chosen.watching.label_selectors[kind.plural] = MODEL_LABEL
    return chosen


def _selector(kind: Kind) -> tuple[str, str, str]:
    return kind.group, kind.version, kind.plural


async def _credentials(connection: Configuration) -> kopf.ConnectionInfo:
    """The address and the credentials of the operator's own connection, as they are now."""
    token = await connection.get_api_key_with_prefix("BearerToken", alias="authorization")
    scheme, _, secret = (token or "").rpartition(" ")
    return kopf.ConnectionInfo(
        server=connection.host,
        ca_path=connection.ssl_ca_cert,
        insecure=not connection.verify_ssl,
        scheme=scheme or None,
        token=secret or None,
        certificate_path=connection.cert_file,
        private_key_path=connection.key_file,
    )
