"""The probes of one run of a container, asked in their periods."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from tests.sandbox.kube_api import Object
from tests.sandbox.node.plan import Plan
from tests.sandbox.node.prober import Prober
from tests.sandbox.node.probes import LIVENESS, READINESS, STARTUP, ProbeRule, Tally


class Probing:
    """Asks the container's probes; cancel what waits for it when the run has ended."""

    def __init__(self, container: Object, plan: Plan, prober: Prober) -> None:
        self._container = container
        self._plan = plan
        self._prober = prober

    async def starts(self) -> bool:
        """Wait for the startup probe's verdict; True at once when there is no such probe."""
        if "startupProbe" not in self._container:
            return True
        async for started in self._verdicts("startupProbe", STARTUP):
            if started is not None:
                return started
        raise AssertionError("a probe's verdicts do not end")

    async def readiness(self) -> AsyncIterator[bool]:
        """The readiness probe's verdict after each answer; none at all when there is no such probe."""
        if "readinessProbe" in self._container:
            async for ready in self._verdicts("readinessProbe", READINESS):
                yield bool(ready)

    async def liveness(self) -> AsyncIterator[bool]:
        """The liveness probe's verdict after each answer; none at all when there is no such probe."""
        if "livenessProbe" in self._container:
            async for alive in self._verdicts("livenessProbe", LIVENESS):
                yield bool(alive)

    async def _verdicts(self, kind: str, tally: Tally) -> AsyncIterator[bool | None]:
        probe = self._container[kind]
        rule = ProbeRule.of(probe)
        await asyncio.sleep(rule.initial_delay)
        while True:
            answer = await self._prober.ask(probe, self._container, self._plan, rule.timeout)
            tally = tally.after(answer, rule)
            yield tally.verdict
            await asyncio.sleep(rule.period)
