"""Status documents of other installations, as a source of what gates ask.

The address is a user's: it is asked with GET alone, without anything that says who asks, redirections are not
followed, and of what is answered nothing but numbers, or that it is no status document, is ever told.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Mapping
from datetime import datetime

import aiohttp

from weld_operator.adapters.bounded_body import TooLongError, read_bounded
from weld_operator.adapters.metric_source import MetricSource
from weld_operator.domain.gates.measurement import Metric, Question, Reading, Served
from weld_operator.domain.regions.served_there import NoDocumentError, ServedThere, served_there

LONGEST_DOCUMENT = 2**20
"""Bytes."""
SECONDS = 4.0
"""For one document, connection and all."""


class StatusDocuments:
    """Fetches documents, each once a look."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def measure(self, questions: Collection[Served]) -> Mapping[Served, Reading]:
        """An answer to each; nothing that goes wrong is raised: it is the fault of a reading."""
        urls = sorted({question.url for question in questions})
        fetched = dict(zip(urls, await asyncio.gather(*(self._fetch(url) for url in urls)), strict=True))
        return {question: _reading(question, fetched[question.url]) for question in questions}

    async def _fetch(self, url: str) -> bytes | str:
        """The body; or, as text, what went wrong."""
        try:
            async with self._connected().get(url, allow_redirects=False) as response:
                if response.status != 200:
                    return f"{url} answers with {response.status}"
                return await read_bounded(response, LONGEST_DOCUMENT)
        except TimeoutError:
            return f"{url} does not answer within {SECONDS:g} s"
        except (TooLongError, aiohttp.ClientError, OSError, ValueError) as error:
            return f"{url} cannot be read: {str(error) or type(error).__name__}"

    def _connected(self) -> aiohttp.ClientSession:
        """Made at the first request, as it belongs to an event loop."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SECONDS))
        return self._session


class WithStatusDocuments:
    """A source of metrics that answers what gates ask about other installations, too."""

    def __init__(self, metrics: MetricSource, documents: StatusDocuments) -> None:
        self._metrics = metrics
        self._documents = documents

    async def measure(
        self, questions: Collection[Question], since: datetime, now: datetime
    ) -> Mapping[Question, Reading]:
        """See MetricSource."""
        about_others = [question for question in questions if isinstance(question, Served)]
        own: list[Metric] = [question for question in questions if not isinstance(question, Served)]
        measured, served = await asyncio.gather(
            self._metrics.measure(own, since, now), self._documents.measure(about_others)
        )
        return dict((*measured.items(), *served.items()))


def _reading(question: Served, fetched: bytes | str) -> Reading:
    query = f"GET {question.url}"
    if isinstance(fetched, str):
        return Reading(query=query, fault=fetched)
    try:
        found = served_there(json.loads(fetched), question.digest)
    except (ValueError, RecursionError):
        return Reading(query=query, fault=f"{question.url} does not answer with JSON")
    except NoDocumentError as error:
        return Reading(query=query, fault=f"what {question.url} answers cannot be used: {error}")
    return Reading({"": _number(question, found)}, newest=found.at, query=query)


def _number(question: Served, found: ServedThere) -> float:
    return found.seconds if question.what == "seconds" else float(found.rollbacks)
