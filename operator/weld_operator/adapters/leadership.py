"""What a process must hold before it may write.

Where one process leads, that is one Lease. Where a fleet is divided, each shard has a Lease, which one process holds,
and all of them together hold a further one in the name of their division: processes that divide the fleet otherwise, as
during an upgrade, wait until those before them are gone, so that no WeldModel has two that look after it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from weld_operator.adapters.clock import Clock
from weld_operator.adapters.lease import JointLease, Lease

_log = logging.getLogger(__name__)


class Leadership:
    """One process's part: any of the Leases of `own`, and the one of its division where there is one."""

    def __init__(self, clock: Clock, own: Sequence[Lease], joint: JointLease | None = None, *, retry: float) -> None:
        """`retry`: seconds between looks."""
        self._clock = clock
        self._own = own
        self._joint = joint
        self._retry = retry
        self._taken: int | None = None

    @property
    def is_held(self) -> bool:
        """Whether this process leads and may write, by its own clock."""
        return all(lease.is_held for lease in self._held) if self._taken is not None else False

    @property
    def number(self) -> int:
        """Of the Lease that is held, among `own`."""
        return self._taken or 0

    @property
    def uid(self) -> str:
        """Of the installation: the same for all its processes and for no other; empty before it is known."""
        return (self._joint or self._own[0]).uid

    async def acquire(self) -> None:
        """Wait until this process leads."""
        while not await self._take():
            await self._clock.sleep(self._retry)

    async def keep(self) -> None:
        """Renew what is held. Raises LeaseLostError once somebody else holds it, and never returns."""
        while True:
            await self._clock.sleep(self._retry)
            was_held = self.is_held
            await asyncio.gather(*(lease.renew() for lease in self._held))
            if was_held and not self.is_held:
                _log.error("A Lease has not been renewed in time: nothing is written until it is")

    async def release(self) -> None:
        """Let another process lead at once."""
        taken, self._taken = self._taken, None
        if taken is not None:
            await self._own[taken].release()

    @property
    def _held(self) -> Sequence[Lease]:
        own = [] if self._taken is None else [self._own[self._taken]]
        return own if self._joint is None else [*own, self._joint]

    async def _take(self) -> bool:
        """One's own first, so that who waits for one has no part in the division."""
        if self._taken is None or not await self._own[self._taken].take():
            self._taken = await self._first_free()
        return self._taken is not None and (self._joint is None or await self._joint.take())

    async def _first_free(self) -> int | None:
        for number, lease in enumerate(self._own):
            if await lease.take():
                return number
        return None
