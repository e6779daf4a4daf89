"""The loop that brings each InferenceService's objects and status to what the plan says."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import aiohttp

from tests.sandbox.kserve.actions import Actions
from tests.sandbox.kserve.names import Cluster
from tests.sandbox.kserve.observation import Key, Observation, fingerprint
from tests.sandbox.kserve.plan import Observed, plan
from tests.sandbox.kube_api import ApiError, KubeApi, Object

logger = logging.getLogger(__name__)

RECONCILIATIONS_AT_ONCE = 8
FIRST_RETRY_SECONDS = 0.5
LONGEST_RETRY_SECONDS = 15.0

API_ERRORS = (ApiError, aiohttp.ClientError, TimeoutError)


class Controller:
    """KServe's controller: levels, not edges, and one reconciliation at a time for each InferenceService."""

    def __init__(self, api: KubeApi, cluster: Cluster, *, without: frozenset[str] = frozenset()) -> None:
        self._observation = Observation(api, cluster, without=without)
        self._actions = Actions(api)
        self._settled: dict[Key, object] = {}
        self._under_way: set[Key] = set()
        self._failures: Counter[Key] = Counter()
        self._due: dict[Key, float] = {}

    async def run(self, ready: Callable[[], None]) -> None:
        """Reconcile for ever; `ready` is called once everything has been listed."""
        async with asyncio.TaskGroup() as tasks:
            await self._observation.begin(tasks)
            ready()
            while True:
                self._observation.changed.clear()
                try:
                    await self._observation.extend()
                except API_ERRORS as error:
                    logger.warning("looking again after: %s", error)
                    await asyncio.sleep(FIRST_RETRY_SECONDS)
                    continue
                self._start_what_is_due(tasks)
                await self._wait()

    async def _wait(self) -> None:
        """Until something changes or a retry is due."""
        due = [at for key, at in self._due.items() if key not in self._under_way]
        timeout = max(0.0, min(due) - time.monotonic()) if due else None
        try:
            await asyncio.wait_for(self._observation.changed.wait(), timeout)
        except TimeoutError:
            return

    def _start_what_is_due(self, tasks: asyncio.TaskGroup) -> None:
        services = self._observation.services()
        self._forget({*self._settled, *self._due} - services.keys())
        for key, observed in self._observation.around(services.values()).items():
            if len(self._under_way) >= RECONCILIATIONS_AT_ONCE:
                return
            state = fingerprint(services[key], observed)
            if key not in self._under_way and self._is_due(key, state):
                self._under_way.add(key)
                tasks.create_task(self._attempt(key, services[key], observed, state))

    def _is_due(self, key: Key, state: object) -> bool:
        return self._settled.get(key) != state or self._due.get(key, float("inf")) <= time.monotonic()

    async def _attempt(self, key: Key, service: Object, observed: Observed, state: object) -> None:
        try:
            failed = await self._reconcile(service, observed)
        except API_ERRORS as error:
            logger.warning("%s/%s: %s", *key, error)
            failed = True
        self._settled[key] = state
        self._due.pop(key, None)
        if failed:
            delay = min(FIRST_RETRY_SECONDS * 2 ** self._failures[key], LONGEST_RETRY_SECONDS)
            self._failures[key] += 1
            self._due[key] = time.monotonic() + delay
        else:
            self._failures.pop(key, None)
        self._under_way.discard(key)
        # What changed meanwhile is looked at now.
        self._observation.changed.set()

    async def _reconcile(self, service: Object, observed: Observed) -> bool:
        """Bring one InferenceService to its plan; True when it should be tried again."""
        if service["metadata"].get("deletionTimestamp"):
            await self._actions.release(service)
            return False
        held = await self._actions.hold(service)
        decided = plan(held, observed, self._observation.cluster, datetime.now(UTC))
        await self._actions.carry_out(decided, held, observed)
        return decided.failed

    def _forget(self, gone: set[Key]) -> None:
        for key in gone:
            self._settled.pop(key, None)
            self._failures.pop(key, None)
            self._due.pop(key, None)
