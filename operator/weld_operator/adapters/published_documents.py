"""What is published of each WeldModel, as bytes: made from its status alone, so that every replica can answer.

A WeldModel is read at most once a second, however often it is asked about. When the API server does not answer, the
last document is given: gateways need their endpoints most when something is down.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from weld_operator.adapters.clock import Clock
from weld_operator.adapters.cluster import ClusterError
from weld_operator.domain.regions.endpoints import endpoint_document
from weld_operator.domain.regions.serving_report import serving_report
from weld_operator.domain.subject import Subject, subject_of
from weld_operator.kinds import Key, Object

FRESH_SECONDS = 1.0
MOST_KNOWN = 10_000
"""WeldModels that are remembered; those asked about longest ago are forgotten."""

Read = Callable[[Key], Awaitable[Object | None]]


class UnknownError(Exception):
    """There is no such document, or none yet; the text is one sentence."""


@dataclass(frozen=True)
class Document:
    """The bytes, and a tag that changes when they do."""

    body: bytes
    tag: str


@dataclass
class _Known:
    read_at: float
    subject: Subject | None


class PublishedDocuments:
    """Makes documents; `read` gives a WeldModel as the API server keeps it, None where there is none."""

    def __init__(self, read: Read, clock: Clock, country: str = "") -> None:
        self._read = read
        self._clock = clock
        self._country = country
        self._known: OrderedDict[Key, _Known] = OrderedDict()
        self._turns: dict[Key, asyncio.Lock] = {}

    async def endpoints(self, key: Key) -> Document:
        """Raises UnknownError, or ClusterError where nobody can tell."""
        subject = await self._subject(key)
        document = endpoint_document(key.namespace, key.name, subject.status)
        if document is None:
            raise UnknownError(f"WeldModel {key} serves nowhere yet")
        return _document(document)

    async def status(self, key: Key) -> Document:
        """Raises UnknownError, or ClusterError where nobody can tell."""
        subject = await self._subject(key)
        now = self._clock.now()
        return _document(serving_report(key.namespace, key.name, subject.status, self._country, now))

    async def _subject(self, key: Key) -> Subject:
        turn = self._turns.setdefault(key, asyncio.Lock())
        try:
            async with turn:
                known = await self._current(key)
        finally:
            if not turn.locked():
                self._turns.pop(key, None)
        if known.subject is None:
            raise UnknownError(f"there is no WeldModel {key}")
        return known.subject

    async def _current(self, key: Key) -> _Known:
        """As it was within the last second, or, where the API server does not answer, as it was last seen."""
        known, now = self._known.get(key), self._clock.monotonic()
        if known is not None and now - known.read_at < FRESH_SECONDS:
            return known
        try:
            body = await self._read(key)
        except ClusterError:
            if known is None or known.subject is None:
                raise
            return known
        current = _Known(now, None if body is None else subject_of(body))
        self._known[key] = current
        self._known.move_to_end(key)
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        return current


def _document(content: dict[str, Any]) -> Document:
    body = json.dumps(content, indent=1).encode() + b"\n"
    return Document(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')
