"""What becomes of other installations' status documents, whatever is answered."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TypedDict

import pytest
from aiohttp import web

from tests.contract.gate_examples import NOW, TRIAL
from tests.unit.operator.played_metrics import PlayedMetrics
from weld_api.gate import Gate, ServedElsewhere
from weld_operator.adapters import status_documents
from weld_operator.adapters.status_documents import StatusDocuments, WithStatusDocuments
from weld_operator.domain.gates.judging import judge
from weld_operator.domain.gates.kinds import kind_of
from weld_operator.domain.gates.measurement import Counter
from weld_operator.domain.gates.verdict import Verdict


class _Says(TypedDict, total=False):
    days: float
    digest: str
    age: int


class Elsewhere:
    """Another installation; `body` is what it answers."""

    def __init__(self) -> None:
        self.body = b""
        self.status = 200
        self.asked = 0
        application = web.Application()
        application.router.add_get("/status/plant-a/north-line", self._answer)
        self._runner = web.AppRunner(application)

    async def start(self) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()

    async def stop(self) -> None:
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}/status/plant-a/north-line"

    def says(self, *, days: float = 8, digest: str = TRIAL.digest, age: int = 0, rollbacks: int = 0) -> None:
        at = NOW - timedelta(seconds=age)
        region = {"name": "south", "digest": digest, "healthySince": (at - timedelta(days=days)).isoformat()}
        rolled_back = [{"digest": TRIAL.digest}] * rollbacks
        self.body = json.dumps({"at": at.isoformat(), "regions": [region], "rollbacks": rolled_back}).encode()

    async def _answer(self, _: web.Request) -> web.Response:
        self.asked += 1
        headers = {"Location": "/elsewhere"} if self.status == 302 else {}
        return web.Response(status=self.status, body=self.body, headers=headers)


@pytest.fixture
async def elsewhere() -> AsyncIterator[Elsewhere]:
    server = Elsewhere()
    await server.start()
    yield server
    await server.stop()


async def judged(url: str) -> Verdict:
    gate = Gate(name="peru", served_elsewhere=ServedElsewhere(url=url))
    documents = StatusDocuments()
    try:
        asked = frozenset(kind_of(gate).asks(gate, TRIAL).values())
        readings = await WithStatusDocuments(PlayedMetrics(), documents).measure(asked, TRIAL.since, NOW)
    finally:
        await documents.close()
    return judge(gate, TRIAL, readings, NOW)


async def test_a_bundle_that_served_there_for_long_enough_passes(elsewhere: Elsewhere) -> None:
    elsewhere.says(days=8)
    verdict = await judged(elsewhere.url)
    assert verdict.verdict == "Pass"
    assert "it has served there for 8 d" in verdict.message
    assert elsewhere.asked == 1, "one document answers both questions"


async def test_a_bundle_that_was_rolled_back_there_fails_whatever_its_time(elsewhere: Elsewhere) -> None:
    elsewhere.says(days=0, digest="f" * 64, rollbacks=1)
    assert (await judged(elsewhere.url)).verdict == "Fail"


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        ({"days": 6.9}, "BelowFloor"),
        ({"digest": "f" * 64}, "BelowFloor"),
        ({"age": 301}, "Stale"),
        ({"age": -40}, "ClockSkew"),
    ],
)
async def test_less_than_that_is_no_evidence(elsewhere: Elsewhere, says: _Says, reason: str) -> None:
    elsewhere.says(**says)
    verdict = await judged(elsewhere.url)
    assert (verdict.verdict, verdict.reason) == ("InsufficientEvidence", reason)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (404, b"", "answers with 404"),
        (302, b"", "answers with 302"),
        (200, b"<html>", "does not answer with JSON"),
        (200, b"[" * 100_000, "does not answer with JSON"),
        (200, b"{}", "it is not a status document of weldserve"),
        (200, b" " * (2**20 + 1), "the answer is longer than 1,048,576 bytes"),
    ],
)
async def test_what_is_no_document_is_no_evidence(elsewhere: Elsewhere, status: int, body: bytes, said: str) -> None:
    elsewhere.status, elsewhere.body = status, body
    verdict = await judged(elsewhere.url)
    assert (verdict.verdict, verdict.reason) == ("InsufficientEvidence", "SourceFailed")
    assert said in verdict.message


async def test_nobody_there_is_no_evidence(elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status_documents, "SECONDS", 1.0)
    url = elsewhere.url
    await elsewhere.stop()
    verdict = await judged(url)
    assert (verdict.verdict, verdict.reason) == ("InsufficientEvidence", "SourceFailed")


async def test_metrics_are_asked_as_before(elsewhere: Elsewhere) -> None:
    counter = Counter("weldserve_requests_total", "plant-a", "north-line-6c1f0a2b", by="status")
    metrics = PlayedMetrics()
    readings = await WithStatusDocuments(metrics, StatusDocuments()).measure({counter}, TRIAL.since, NOW)
    assert readings[counter].total == metrics.requests
    assert elsewhere.asked == 0
