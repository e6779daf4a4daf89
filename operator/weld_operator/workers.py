"""The workers that take keys from the queue and reconcile them, and outlive whatever goes wrong."""

from __future__ import annotations

import logging
import random
from datetime import timedelta
from typing import Protocol

from weld_operator.adapters.clock import Clock
from weld_operator.adapters.cluster import ClusterError, ConflictError, UnreachableError
from weld_operator.kinds import Key
from weld_operator.logs import with_key
from weld_operator.metrics import Metrics
from weld_operator.work_queue import Backoff, WorkQueue

_log = logging.getLogger(__name__)

BURST_SECONDS = 0.05
"""Events of one change come in bursts: waiting a moment turns them into one reconciliation."""

SOON = Backoff(first=0.2, longest=3.0)
"""For a cluster that does not answer: when it is back, so is the desired state, within seconds."""

LATER = Backoff(first=1.0, longest=60.0)
"""For what does not go away by itself, though an API server that starts denies rights that it has not read yet."""


def next_look(look_after: timedelta, resync: timedelta, chance: float) -> timedelta:
    """Time until the next look; without a cause between half and all of `resync`, by `chance` in [0, 1)."""
    return min(look_after, resync * (0.5 + chance / 2))


class Reconciles(Protocol):
    """What the workers do with a key."""

    async def reconcile(self, key: Key) -> timedelta | None:
        """Reconcile once; gives the time until the next look, or None when there is nothing to look at any more."""


class Workers:
    """The queue of WeldModels, and the work on them."""

    def __init__(self, reconciler: Reconciles, clock: Clock, metrics: Metrics, *, resync: timedelta) -> None:
        """`resync`: the longest time without a look.

        It is shortened by chance, so that a fleet that was looked at all at once is not looked at so for ever.
        """
        self._reconciler = reconciler
        self._clock = clock
        self._metrics = metrics
        self._resync = resync
        # Chance only spreads looks; nobody gains by guessing it.
        self._chance = random.Random()
        self._queue: WorkQueue[Key] = WorkQueue(clock)

    def __len__(self) -> int:
        return len(self._queue)

    def notice(self, key: Key) -> None:
        """Something may have happened to this WeldModel."""
        self._queue.add(key, BURST_SECONDS)
        self._metrics.queue_depth.set(len(self._queue))

    async def work(self) -> None:
        """Take and reconcile one key after the other, for ever."""
        while True:
            key = await self._queue.take()
            self._metrics.queue_depth.set(len(self._queue))
            with with_key.about(key):
                await self._reconcile(key)

    async def _reconcile(self, key: Key) -> None:
        started = self._clock.monotonic()
        try:
            look_after = await self._reconciler.reconcile(key)
        except (UnreachableError, ConflictError) as error:
            _log.warning("Not reconciled, will be tried again: %s", error)
            self._again(key, "retry", SOON)
        except ClusterError as error:
            _log.error("Not reconciled, will be tried again: %s", error)
            self._again(key, "error", LATER)
        except Exception:  # noqa: BLE001 - a fault in one WeldModel's reconciliation must not stop the others'
            _log.exception("Not reconciled, as the operator has a fault; will be tried again")
            self._again(key, "error", LATER)
        else:
            self._metrics.reconciliations.labels("success").inc()
            self._queue.forget_failures(key)
            if look_after is not None:
                self._queue.add(key, next_look(look_after, self._resync, self._chance.random()).total_seconds())
        finally:
            self._queue.done(key)
            self._metrics.duration.observe(self._clock.monotonic() - started)

    def _again(self, key: Key, result: str, backoff: Backoff) -> None:
        self._metrics.reconciliations.labels(result).inc()
        self._queue.add_after_failure(key, backoff)
