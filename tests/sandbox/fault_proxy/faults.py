"""Harm that a proxy can do to calls."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Literal, Protocol

from tests.sandbox.fault_proxy.call import Answer, Call, refusal

Moment = Literal["before", "after"]
"""Before the API server has had it, or after it has answered and before the client hears."""


class CutError(Exception):
    """The connection ends without an answer."""


class Fault(Protocol):
    """Asked about each call before it is passed on, and again before its answer is."""

    async def before(self, call: Call, number: int) -> Answer | None:
        """An answer in the API server's place; None passes the call on. Raises CutError.

        `number`: which of the counted writes it is, from 1; 0 for what is not counted.
        """

    async def after(self, call: Call, number: int) -> None:
        """The API server has answered. Raises CutError."""


Harm = Callable[[], Awaitable[Answer | None]]
"""The answer in the API server's place; None where the call is passed on after all."""

Kill = Callable[[], Awaitable[None]]
"""Ends the client at once, and waits until it is gone."""


class KilledAt:
    """The client is killed at the first counted write that is the one: `is_it` is asked with its number, from 1."""

    def __init__(self, is_it: Callable[[Call, int], bool], moment: Moment, kill: Kill) -> None:
        self._is_it = is_it
        self._moment = moment
        self._kill = kill
        self.victim: Call | None = None
        """The write that it was killed at; None while it was not."""

    async def before(self, call: Call, number: int) -> Answer | None:
        await self._strike("before", call, number)
        return None

    async def after(self, call: Call, number: int) -> None:
        await self._strike("after", call, number)

    async def _strike(self, moment: Moment, call: Call, number: int) -> None:
        if number and self.victim is None and moment == self._moment and self._is_it(call, number):
            self.victim = call
            await self._kill()
            raise CutError


class Sometimes:
    """A share of the calls that it is about comes to harm, by a chance that each run repeats.

    Not each n-th: a client that makes n calls for one thing would never get it done.
    """

    def __init__(self, share: float, harm: Harm, is_about: Callable[[Call], bool], seed: int = 1) -> None:
        self._share = share
        self._harm = harm
        self._is_about = is_about
        self._chance = random.Random(seed)
        self.done = 0
        """How often harm was done."""

    async def before(self, call: Call, number: int) -> Answer | None:  # noqa: ARG002 - also what does not count
        if not self._is_about(call) or self._chance.random() >= self._share:
            return None
        self.done += 1
        return await self._harm()

    async def after(self, call: Call, number: int) -> None:
        """The answer is passed on."""


class InBursts:
    """Every call comes to harm for some seconds, then none for some seconds, and so on from its making."""

    def __init__(self, harm: Harm, *, seconds: float, pause: float) -> None:
        self._harm = harm
        self._seconds = seconds
        self._period = seconds + pause
        self._began = time.monotonic()
        self.done = 0

    async def before(self, call: Call, number: int) -> Answer | None:  # noqa: ARG002 - every call is alike
        if (time.monotonic() - self._began) % self._period >= self._seconds:
            return None
        self.done += 1
        return await self._harm()

    async def after(self, call: Call, number: int) -> None:
        """The answer is passed on."""


class LostAnswers:
    """A share of the counted writes is done, and the connection ends before the answer."""

    def __init__(self, share: float, seed: int = 1) -> None:
        self._share = share
        self._chance = random.Random(seed)
        self.done = 0

    async def before(self, call: Call, number: int) -> Answer | None:  # noqa: ARG002 - it strikes afterwards
        return None

    async def after(self, call: Call, number: int) -> None:  # noqa: ARG002 - whatever is written
        if number and self._chance.random() < self._share:
            self.done += 1
            raise CutError


async def too_many_requests() -> Answer | None:
    return refusal(429, "TooManyRequests", "Too many requests, please try again later.", Retry_After="1")


async def internal_error() -> Answer | None:
    return refusal(500, "InternalError", "Internal error occurred: etcdserver: request timed out")


async def conflict() -> Answer | None:
    message = "the object has been modified; please apply your changes to the latest version and try again"
    return refusal(409, "Conflict", f"Operation cannot be fulfilled: {message}")


async def gone() -> Answer | None:
    return refusal(410, "Expired", "too old resource version")


def slow(seconds: float) -> Harm:
    """Every call waits so long, and is then passed on."""

    async def wait() -> Answer | None:
        await asyncio.sleep(seconds)
        return None

    return wait


def is_watch(call: Call) -> bool:
    return call.verb == "watch"


def is_no_watch(call: Call) -> bool:
    return call.verb != "watch"


def is_write(call: Call) -> bool:
    return call.is_write
