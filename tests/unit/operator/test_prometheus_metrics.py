"""What becomes of a Prometheus' answers, whatever they are."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from aiohttp import web

from weld_operator.adapters import prometheus_metrics
from weld_operator.adapters.prometheus_metrics import PrometheusMetrics
from weld_operator.domain.gates.measurement import Counter, Metric, Query, Reading

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
SINCE = NOW - timedelta(hours=1)
REQUESTS = Counter("weldserve_requests_total", "plant-a", "north-line-6c1f0a2b", by="status")
NOTHING: dict[str, object] = {"resultType": "vector", "result": []}


class FakePrometheus:
    """Answers each query with `data`, and each question for names with `names`."""

    def __init__(self) -> None:
        self.data: object = NOTHING
        self.names: object = ["weldserve_requests_total"]
        self.more: dict[str, object] = {}
        self.status = 200
        self.body: str | None = None
        self.clock = NOW
        self.is_slow = False
        self.asked: list[str] = []
        self.at_once = self.most_at_once = 0
        self._ended = asyncio.Event()
        application = web.Application(client_max_size=2**24)
        application.router.add_post("/api/v1/query", self._query)
        application.router.add_get("/api/v1/label/__name__/values", self._names)
        self._runner = web.AppRunner(application)

    async def start(self) -> PrometheusMetrics:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return PrometheusMetrics(f"http://127.0.0.1:{self._runner.addresses[0][1]}/")

    async def stop(self) -> None:
        self._ended.set()
        await self._runner.cleanup()

    async def _query(self, request: web.Request) -> web.Response:
        form = await request.post()
        self.asked.append(str(form["query"]))
        assert form["time"] == f"{NOW.timestamp():.3f}"
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        # Others may come meanwhile.
        for _ in range(10):
            await asyncio.sleep(0)
        if self.is_slow:
            await self._ended.wait()
        self.at_once -= 1
        return self._answer(self.data)

    async def _names(self, request: web.Request) -> web.Response:
        self.asked += request.query.getall("match[]")
        return self._answer(self.names)

    def _answer(self, data: object) -> web.Response:
        body = json.dumps({"status": "success", "data": data, **self.more}) if self.body is None else self.body
        date = format_datetime(self.clock, usegmt=True)
        return web.Response(status=self.status, text=body, headers={"Date": date})


@pytest.fixture
async def prometheus() -> AsyncIterator[FakePrometheus]:
    fake = FakePrometheus()
    yield fake
    await fake.stop()


async def ask(prometheus: FakePrometheus, *questions: Metric, since: datetime = SINCE) -> list[Reading]:
    metrics = await prometheus.start()
    try:
        readings = await metrics.measure(questions, since, NOW)
    finally:
        await metrics.close()
    return [readings[each] for each in questions]


def vector(*elements: tuple[dict[str, str], str]) -> dict[str, object]:
    return {
        "resultType": "vector",
        "result": [{"metric": labels, "value": [NOW.timestamp(), value]} for labels, value in elements],
    }


def part(name: str, **labels: str) -> dict[str, str]:
    return {"weldserve_part": name, **labels}


async def test_the_parts_of_one_answer_make_a_reading(prometheus: FakePrometheus) -> None:
    first, last = SINCE + timedelta(minutes=5), NOW - timedelta(seconds=7)
    prometheus.data = vector(
        (part("0 rise", status="200"), "41"),
        (part("0 rise", status="500"), "0"),
        (part("0 oldest"), str(first.timestamp())),
        (part("0 newest"), str(last.timestamp())),
    )
    (reading,) = await ask(prometheus, REQUESTS)
    assert reading == Reading({"200": 41, "500": 0}, first, last, reading.query)
    assert reading.query.startswith("sum by (status) (increase(weldserve_requests_total{")
    assert len(prometheus.asked) == 1


async def test_a_sample_from_before_is_not_when_counting_began(prometheus: FakePrometheus) -> None:
    early = SINCE - timedelta(seconds=5)
    prometheus.data = vector((part("0 rise"), "41"), (part("0 oldest"), str(early.timestamp())))
    (reading,) = await ask(prometheus, REQUESTS)
    assert (reading.since, reading.newest) == (SINCE, None)


async def test_many_questions_are_a_handful_of_requests(prometheus: FakePrometheus) -> None:
    counters = [Counter(f"weldserve_{number}_total", "plant-a", "north-line-6c1f0a2b") for number in range(200)]
    prometheus.names = [each.metric for each in counters]
    readings = await ask(prometheus, *counters)
    assert not any(each.fault or each.values for each in readings)
    queries = [each for each in prometheus.asked if "increase" in each]
    assert len(queries) == 13
    assert 1 < prometheus.most_at_once <= 4


async def test_no_window_is_not_asked_about(prometheus: FakePrometheus) -> None:
    (reading,) = await ask(prometheus, REQUESTS, since=NOW)
    assert (reading.values, reading.since, reading.newest, reading.fault) == ({}, NOW, None, "")
    assert not any("increase" in each for each in prometheus.asked)


async def test_an_empty_answer_about_a_known_metric_is_no_fault(prometheus: FakePrometheus) -> None:
    (reading,) = await ask(prometheus, REQUESTS)
    assert (reading.values, reading.newest, reading.fault) == ({}, None, "")


async def test_one_unknown_name_leaves_the_others_alone(prometheus: FakePrometheus) -> None:
    wrong = Counter("weldserve_request_total", "plant-a", "north-line-6c1f0a2b")
    known, unknown = await ask(prometheus, REQUESTS, wrong)
    assert not known.fault
    assert unknown.fault == "Prometheus knows no metric named weldserve_request_total"


@pytest.mark.parametrize(
    ("body", "status", "fault"),
    [
        ("", 200, "is not answered as by Prometheus"),
        ("<html></html>", 200, "is not answered as by Prometheus"),
        ("[" * 100_000, 200, "is not answered as by Prometheus"),
        ("[]", 200, "is not answered as by Prometheus"),
        ('{"status":"success"}', 200, "is not answered as by Prometheus"),
        ('{"status":"success","data":[]}', 200, "a query is not answered as by Prometheus"),
        ('{"status":"success","data":{"resultType":"vector","result":[{}]}}', 200, "is not answered as by Prometheus"),
        ('{"status":"success","data":{"resultType":"vector","result":7}}', 200, "is not answered as by Prometheus"),
        ('{"status":"success","data":{"resultType":"scalar","result":[1,"x"]}}', 200, "not answered as by Prometheus"),
        ("Bad Gateway", 502, "/api/v1/query is answered with 502"),
        (
            '{"status":"error","error":"too many\\nsamples"}',
            422,
            "/api/v1/query is answered with 422: too many samples",
        ),
        ('{"status":"error","error":"' + "x" * 999 + '"}', 400, "x..."),
    ],
)
async def test_what_prometheus_would_not_answer_is_a_fault(
    prometheus: FakePrometheus, body: str, status: int, fault: str
) -> None:
    prometheus.body, prometheus.status = body, status
    for reading in await ask(prometheus, REQUESTS, Query("weldserve_requests_total")):
        assert reading.fault.startswith("Prometheus cannot be asked: ")
        assert fault in reading.fault
        assert len(reading.fault) < 400
        assert not reading.values


async def test_an_endless_answer_is_a_fault(prometheus: FakePrometheus) -> None:
    prometheus.body = " " * (16 * 2**20 + 1)
    (reading,) = await ask(prometheus, REQUESTS)
    assert reading.fault == "Prometheus cannot be asked: the answer is longer than 16,777,216 bytes"


async def test_names_that_are_answered_otherwise_are_a_fault(prometheus: FakePrometheus) -> None:
    prometheus.names = {}
    (reading,) = await ask(prometheus, REQUESTS)
    assert reading.fault == "Prometheus cannot be asked: names of metrics are not answered as by Prometheus"


async def test_slowness_is_a_fault(prometheus: FakePrometheus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prometheus_metrics, "ANSWER_SECONDS", 0.2)
    prometheus.is_slow = True
    questions: list[Metric] = [REQUESTS, *(Query(f"weldserve_requests_total + {number}") for number in range(20))]
    for reading in await ask(prometheus, *questions):
        assert reading.fault == "Prometheus cannot be asked: no answer within 0.2 s"


@pytest.mark.parametrize(("seconds", "is_fault"), [(0, False), (29, False), (-29, False), (31, True), (-31, True)])
async def test_a_clock_that_differs_is_a_fault(prometheus: FakePrometheus, seconds: int, is_fault: bool) -> None:
    prometheus.clock = NOW + timedelta(seconds=seconds)
    (reading,) = await ask(prometheus, REQUESTS)
    direction = "ahead of" if seconds > 0 else "behind"
    fault = f"Prometheus cannot be asked: the clock of Prometheus is 31 s {direction} the operator's"
    assert reading.fault == (fault if is_fault else "")


async def test_part_of_an_answer_is_none(prometheus: FakePrometheus) -> None:
    """Thanos and others warn where a part of what they stand for did not answer."""
    prometheus.more = {"warnings": ["PromQL info: ends not in _total", "a store is away"]}
    (reading,) = await ask(prometheus, REQUESTS)
    assert reading.fault == "Prometheus cannot be asked: Prometheus warns: a store is away"


async def test_what_only_informs_is_passed_over(prometheus: FakePrometheus) -> None:
    prometheus.more = {"warnings": ["PromQL info: ends not in _total"], "infos": ["x"]}
    (reading,) = await ask(prometheus, REQUESTS)
    assert not reading.fault


async def test_a_value_that_is_no_number_is_a_fault_of_a_counter(prometheus: FakePrometheus) -> None:
    prometheus.data = vector((part("0 rise", status="500"), "NaN"))
    (reading,) = await ask(prometheus, REQUESTS)
    assert reading.fault == "weldserve_requests_total of status 500 is nan, expected a number"


async def test_the_window_of_a_query_is_filled_in(prometheus: FakePrometheus) -> None:
    (reading,) = await ask(prometheus, Query("increase(weldserve_requests_total[{{window}}])"))
    assert reading.query == "increase(weldserve_requests_total[3600s])"
    assert reading.since == SINCE
    assert reading.query in prometheus.asked


async def test_an_offset_is_no_age(prometheus: FakePrometheus) -> None:
    """Somebody who compares with an hour ago wants to know whether there were samples an hour ago."""
    seen = NOW - timedelta(hours=1, seconds=7)
    prometheus.data = vector((part("0"), str(seen.timestamp())))
    (reading,) = await ask(prometheus, Query("weldserve_requests_total offset 1h"))
    assert reading.newest == NOW - timedelta(seconds=7)
    assert "max(timestamp(weldserve_requests_total{} offset 3600000ms))" in prometheus.asked[-1]
