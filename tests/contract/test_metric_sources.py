"""What gates rely on in a metric source: a real Prometheus, and the operator's own look at the Pods.

The two differ in how exactly they count what a process counted that started anew in an old Pod: see
`test_a_counter_that_begins_anew_is_not_taken_for_a_fall`.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.contract.exposition_pods import NAMESPACE, Place, places
from tests.contract.metric_sites import PrometheusSite, ScrapedSite, Site, answer
from tests.sandbox.prometheus import Prometheus, Target
from weld_api.metric_names import REQUEST_SECONDS_BUCKET, REQUESTS
from weld_operator.adapters import pod_pages
from weld_operator.adapters.prometheus_metrics import PrometheusMetrics
from weld_operator.domain.gates.measurement import Counter, Query
from weld_operator.kinds import POD

SCRAPE_EVERY = "300ms"
REVISIONS = 36
NAMES = ("one", "two", "three", "one")
"""Of the places of each revision: two have the same name."""

AN_HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def cast() -> tuple[tuple[Place, ...], ...]:
    """The places of every revision that a Prometheus scrapes."""
    return tuple(places(f"weld-{number:08x}", NAMES) for number in range(REVISIONS))


@pytest.fixture(scope="module")
async def prometheus(
    cast: tuple[tuple[Place, ...], ...], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Prometheus]:
    targets = [Target(place.address, place.labels) for revision in cast for place in revision]
    async with await Prometheus.start(tmp_path_factory.mktemp("prometheus"), targets, SCRAPE_EVERY) as running:
        yield running


@pytest.fixture(scope="module")
def revisions(cast: tuple[tuple[Place, ...], ...]) -> Iterator[tuple[Place, ...]]:
    """One after the other, so that no test sees what another one counted."""
    return iter(cast)


@pytest.fixture
async def by_prometheus(
    prometheus: Prometheus, revisions: Iterator[tuple[Place, ...]]
) -> AsyncIterator[PrometheusSite]:
    site = PrometheusSite(prometheus, next(revisions))
    yield site
    await site.close()


@pytest.fixture(scope="module")
async def busy(prometheus: Prometheus, revisions: Iterator[tuple[Place, ...]]) -> AsyncIterator[PrometheusSite]:
    """One Pod that answered 100 requests well and 200 badly, and answers none now."""
    site = PrometheusSite(prometheus, next(revisions))
    await site.add(s200=100, s500=200)
    for _ in range(3):
        await site.look()
    yield site
    await site.close()


@pytest.fixture
async def scraped() -> AsyncIterator[ScrapedSite]:
    site = ScrapedSite(places("weld-5c4a9ed0", NAMES))
    yield site
    await site.close()


@pytest.fixture(params=["by_prometheus", "scraped"])
def site(request: pytest.FixtureRequest) -> Site:
    chosen: Site = request.getfixturevalue(request.param)
    return chosen


async def test_what_rose_since_then_is_summed_over_all_pods(site: Site) -> None:
    one, two = await site.add(0, s200=1000, s500=7), await site.add(1, s200=500)
    since = await site.begin()
    answer(one, s200=40, s500=1)
    answer(two, s200=2)
    await site.look()
    seen = datetime.now(UTC)
    reading = await site.ask(site.requests, since)
    assert reading.values == {"200": 42, "500": 1}
    assert reading.total == 43
    assert not reading.fault
    assert reading.newest is not None
    assert abs(reading.newest - seen) < timedelta(seconds=30)
    assert reading.since is not None
    assert since <= reading.since <= seen
    assert REQUESTS in reading.query


async def test_labels_choose_what_counts(site: Site) -> None:
    pod = await site.add(s200=10, s500=10, s503=10)
    since = await site.begin()
    answer(pod, s200=4, s500=2, s503=1)
    await site.look()
    failed = site.counter(REQUESTS, status="5..")
    assert (await site.ask(failed, since)).values == {"": 3}
    none_like_it = site.counter(REQUESTS, status="5")
    reading = await site.ask(none_like_it, since)
    assert (reading.values, reading.newest, reading.fault) == ({}, None, "")
    of_one = site.counter(REQUESTS, by="status", status="50[03]", protocol="rest")
    assert (await site.ask(of_one, since)).values == {"500": 2, "503": 1}


async def test_buckets_of_a_histogram_are_told_apart(site: Site) -> None:
    buckets = site.counter(REQUEST_SECONDS_BUCKET, by="le")
    site.questions.add(buckets)
    pod = await site.add()
    for bound in ("0.01", "0.1", "+Inf"):
        pod.count(REQUEST_SECONDS_BUCKET, 100, f'le="{bound}"')
    since = await site.begin()
    for bound, rise in (("0.01", 3), ("0.1", 5), ("+Inf", 6)):
        pod.count(REQUEST_SECONDS_BUCKET, rise, f'le="{bound}"')
    await site.look()
    assert (await site.ask(buckets, since)).values == {"0.01": 3, "0.1": 5, "+Inf": 6}


async def test_a_counter_that_stood_still_rose_by_nothing(site: Site) -> None:
    await site.add(s200=10)
    since = await site.begin()
    await site.look()
    reading = await site.ask(site.requests, since)
    assert reading.values == {"200": 0}
    assert reading.newest is not None


async def test_the_first_of_its_kind_is_counted(site: Site) -> None:
    """`increase()` of Prometheus sees nothing of a series that is born with the value 1."""
    pod = await site.add(s200=10)
    since = await site.begin()
    answer(pod, s500=1)
    await site.look()
    assert (await site.ask(site.requests, since)).values == {"200": 0, "500": 1}


async def test_a_pod_that_comes_counts_from_its_start(site: Site) -> None:
    await site.add(0, s200=10)
    since = await site.begin()
    await site.add(1, running_for=0, s200=5)
    await site.look()
    assert (await site.ask(site.requests, since)).values == {"200": 5}


async def test_the_first_pod_counts_from_its_start(site: Site) -> None:
    since = await site.begin()
    await site.add(running_for=0, s200=5)
    await site.look()
    assert (await site.ask(site.requests, since)).values == {"200": 5}


async def test_a_pod_that_goes_keeps_what_it_counted(site: Site) -> None:
    staying, going = await site.add(0, s200=10), await site.add(1, s200=10)
    since = await site.begin()
    answer(going, s200=3)
    await site.look()
    await site.remove(going)
    answer(staying, s200=1)
    await site.look()
    assert (await site.ask(site.requests, since)).values == {"200": 4}


async def test_two_pods_with_one_name_are_two(site: Site) -> None:
    first = await site.add(0, s200=100)
    since = await site.begin()
    answer(first, s200=20)
    await site.look()
    await site.remove(first)
    namesake = await site.add(3, running_for=0, s200=1)
    assert namesake.place.pod == first.place.pod
    await site.look()
    answer(namesake, s200=2)
    await site.look()
    assert (await site.ask(site.requests, since)).values == {"200": 23}


async def test_a_counter_that_begins_anew_is_not_taken_for_a_fall(site: Site) -> None:
    """Prometheus extrapolates here: as if the rate held for up to 1.1 scrapes more before and after, of at least 2."""
    pod = await site.add(s200=100)
    since = await site.begin()
    await site.look()
    answer(pod, s200=50)
    await site.look()
    pod.restart()
    answer(pod, s200=30)
    await site.look()
    counted = (await site.ask(site.requests, since)).values["200"]
    if isinstance(site, ScrapedSite):
        assert counted == 80
    else:
        assert 80 <= counted <= 80 * (2 + 2 * 1.1) / 2


async def test_what_came_before_a_later_phase_is_not_in_it(site: Site) -> None:
    pod = await site.add(s200=10)
    first = await site.begin()
    answer(pod, s200=100)
    second = await site.begin()
    answer(pod, s200=7)
    await site.look()
    assert (await site.ask(site.requests, first)).values == {"200": 107}
    assert (await site.ask(site.requests, second)).values == {"200": 7}


async def test_what_was_not_seen_is_not_made_up(site: Site) -> None:
    """A process that counted before anybody looked, and a time that begins before that."""
    pod = await site.add(running_for=2 * AN_HOUR.total_seconds(), s200=1000)
    begun = await site.begin()
    answer(pod, s200=3)
    await site.look()
    reading = await site.ask(site.requests, begun - AN_HOUR)
    # Prometheus extrapolates here, as with a counter that begins anew.
    assert 3 <= reading.values["200"] <= (3 if isinstance(site, ScrapedSite) else 3 * (1 + 2 * 1.1))
    assert reading.since is not None
    assert reading.since > begun - timedelta(minutes=1)


async def test_no_time_has_no_samples(site: Site) -> None:
    pod = await site.add(s200=10)
    await site.look()
    answer(pod, s200=10)
    now = datetime.now(UTC)
    for since in (now, now + AN_HOUR):
        reading = await site.ask(site.requests, since, now)
        assert reading.total == 0
        assert not reading.fault


async def test_no_pods_are_no_evidence_and_no_fault(site: Site) -> None:
    await site.add(s200=10)
    since = await site.begin()
    elsewhere = Counter(REQUESTS, NAMESPACE, "weld-00000nil", by="status")
    reading = await site.ask(elsewhere, since)
    assert (reading.values, reading.newest, reading.fault) == ({}, None, "")


async def test_a_name_that_no_metric_has_is_a_fault(site: Site) -> None:
    await site.add(s200=10)
    since = await site.begin()
    reading = await site.ask(site.counter("weldserve_request_total"), since)
    assert reading.fault in (
        "Prometheus knows no metric named weldserve_request_total",
        "no Pod shows a metric named weldserve_request_total",
    )
    assert not reading.values


async def test_samples_get_old_when_nothing_answers(site: Site) -> None:
    pod = await site.add(s200=10)
    since = await site.begin()
    answer(pod, s200=5)
    await site.look()
    await pod.stop()
    stopped = datetime.now(UTC)
    await site.look()
    await site.look()
    reading = await site.ask(site.requests, since)
    assert reading.fault.startswith("none of the 1 Pods") or reading.newest is not None
    assert reading.newest is None or reading.newest <= stopped


@pytest.mark.parametrize("trouble", ["slow", "an error", "closed"])
async def test_one_pod_in_trouble_keeps_no_other_from_counting(
    site: Site, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pod_pages, "POD_SECONDS", 0.3)
    well, ill = await site.add(0, s200=10), await site.add(1, s200=10)
    since = await site.begin()
    match trouble:
        case "slow":
            ill.is_slow = True
        case "an error":
            ill.status = 500
        case _:
            await ill.stop()
    answer(well, s200=5)
    answer(ill, s200=5)
    await site.look()
    reading = await site.ask(site.requests, since)
    assert reading.values == {"200": 5}
    assert not reading.fault


async def test_garbage_is_never_counted(site: Site) -> None:
    """To Prometheus the Pod is down; the operator's own look says what it saw."""
    pod = await site.add(s200=10)
    since = await site.begin()
    pod.body = "<html>It works!</html>\n"
    await site.look()
    reading = await site.ask(site.requests, since)
    if isinstance(site, ScrapedSite):
        assert reading.fault == (
            f"the metrics of the Pod {pod.place.pod} cannot be read: "
            "the line '<html>It works!</html>' is not of Prometheus' text format"
        )
    else:
        assert reading.total == 0


@pytest.mark.parametrize("value", [math.nan, math.inf])
async def test_a_counter_without_a_number_is_a_fault(site: Site, value: float) -> None:
    pod = await site.add(s200=10)
    since = await site.begin()
    pod.count(REQUESTS, value, 'protocol="rest",status="200"')
    await site.look()
    reading = await site.ask(site.requests, since)
    assert "expected a number" in reading.fault
    assert not reading.values


async def test_clocks_that_differ_bring_no_false_evidence(site: Site) -> None:
    """A Prometheus stamps samples by its own clock; the operator's look knows only the operator's."""
    pod = await site.add(s200=10)
    since = await site.begin()
    answer(pod, s200=5)
    await site.look()
    for skew, word in ((AN_HOUR, "behind"), (-AN_HOUR, "ahead of")):
        reading = await site.ask(site.requests, since + skew, datetime.now(UTC) + skew)
        if isinstance(site, PrometheusSite):
            assert reading.fault.startswith("Prometheus cannot be asked: the clock of Prometheus is 3")
            assert reading.fault.endswith(f" s {word} the operator's")
        else:
            assert reading.newest is not None


async def test_many_questions_are_answered_together(site: Site) -> None:
    pods = [await site.add(place) for place in range(3)]
    counters = [site.counter(f"weldserve_thing_{number}_total", by="flag") for number in range(60)]
    site.questions.update(counters)
    for number, each in enumerate(counters):
        pods[number % 3].count(each.metric, number, 'flag="a"')
    since = await site.begin()
    for number, each in enumerate(counters):
        pods[number % 3].count(each.metric, number, 'flag="a"')
    await site.look()
    readings = await site.source.measure(site.questions, since, datetime.now(UTC))
    assert [readings[each].values for each in counters] == [{"a": number} for number in range(60)]


async def test_a_source_that_is_away_is_a_fault(scraped: ScrapedSite) -> None:
    now = datetime.now(UTC)
    away = PrometheusMetrics("http://127.0.0.1:1")
    reading = (await away.measure({scraped.requests, Query("up")}, now - AN_HOUR, now))[scraped.requests]
    assert reading.fault.startswith("Prometheus cannot be asked: Cannot connect to host 127.0.0.1:1")
    await away.close()
    scraped.cluster.unserved.add(POD)
    reading = await scraped.ask(scraped.requests, now)
    assert (
        reading.fault == f"the Pods of {NAMESPACE}/weld-5c4a9ed0 cannot be listed: the cluster does not know Pod of v1"
    )


async def test_promql_needs_a_prometheus(scraped: ScrapedSite) -> None:
    reading = await scraped.ask(Query("up"), datetime.now(UTC))
    assert reading.fault == "PromQL needs a Prometheus: set monitoring.prometheusUrl"


QUERIES = {
    "sum({requests})": 300,
    "scalar(sum({requests}))": 300,
    "sum(increase({requests}[{{{{window}}}}])) * 0": 0,
    "max_over_time(sum({requests})[1s:100ms])": 300,
    " + ".join(["sum({requests})"] * 50): 15_000,
}


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query[:40])
async def test_a_query_has_one_value_and_an_age(busy: PrometheusSite, query: str) -> None:
    now = datetime.now(UTC)
    reading = await busy.ask(Query(in_words(query, busy)), now - timedelta(minutes=1))
    assert not reading.fault
    assert reading.values == {"": QUERIES[query]}
    assert reading.newest is not None
    assert abs(reading.newest - now) < timedelta(seconds=30)


async def test_a_query_that_finds_nothing_has_no_value(busy: PrometheusSite) -> None:
    reading = await busy.ask(Query(in_words("{requests} > 1000", busy)), datetime.now(UTC))
    assert (reading.values, reading.fault) == ({}, "")


async def test_a_query_of_no_samples_has_no_age(busy: PrometheusSite) -> None:
    reading = await busy.ask(Query("vector(1)"), datetime.now(UTC))
    assert (reading.values, reading.newest, reading.fault) == ({"": 1}, None, "")


FAULTS = {
    "{requests}": "the query gave 2 values, one is needed",
    "{requests}[1m]": "Prometheus cannot be asked: the query gives a matrix, one value is needed",
    '"text"': "Prometheus cannot be asked: the query gives a string, one value is needed",
    "sum({requests}": "it cannot be told how old its samples are: ",
    "{requests} / on (protocol) {requests}": "found duplicate series for the match group",
    "sum({requests}) + sum(misspelt_total)": "Prometheus knows no metric named misspelt_total",
    "sum(misspelt_total) or vector(0)": "Prometheus knows no metric named misspelt_total",
    'sum({{__name__="misspelt_total"}}) or vector(0)': "Prometheus knows no metric named misspelt_total",
}


@pytest.mark.parametrize("query", FAULTS)
async def test_what_is_not_one_value_is_a_fault(busy: PrometheusSite, query: str) -> None:
    reading = await busy.ask(Query(in_words(query, busy)), datetime.now(UTC))
    assert FAULTS[query] in reading.fault
    assert not reading.values


async def test_a_query_without_a_number_gives_none(busy: PrometheusSite) -> None:
    reading = await busy.ask(Query(in_words("(sum({requests}) * 0) / 0", busy)), datetime.now(UTC))
    assert math.isnan(reading.values[""])


async def test_a_query_is_as_old_as_the_oldest_that_it_reads(by_prometheus: PrometheusSite) -> None:
    going, staying = await by_prometheus.add(0, s200=100), await by_prometheus.add(1, s200=10)
    since = await by_prometheus.begin()
    await going.stop()
    gone = datetime.now(UTC)
    for _ in range(3):
        await by_prometheus.look()
    old, new = (f'{REQUESTS}{{pod="{pod.place.pod}",instance="{pod.place.address}"}}' for pod in (going, staying))
    both = await by_prometheus.ask(Query(f"sum(last_over_time({old}[1m])) + sum({new})"), since)
    assert both.values == {"": 110}
    assert both.newest is not None
    assert both.newest <= gone
    fresh = await by_prometheus.ask(Query(f"(sum({old}) or vector(0)) + sum({new})"), since)
    assert fresh.values == {"": 10}
    assert fresh.newest is not None
    assert fresh.newest > gone


async def test_a_target_that_was_found_late_is_not_counted_from_its_start(by_prometheus: PrometheusSite) -> None:
    """Its process runs for an hour, and nobody knows what it had counted when the time began."""
    since = await by_prometheus.begin()
    pod = await by_prometheus.add(s200=1000)
    await by_prometheus.look()
    answer(pod, s200=3)
    await by_prometheus.look()
    reading = await by_prometheus.ask(by_prometheus.requests, since)
    assert 3 <= reading.values["200"] <= 3 * (1 + 2 * 1.1)
    assert reading.since is not None
    assert reading.since > since


def in_words(query: str, site: Site) -> str:
    pods = f"{site.places[0].revision}-predictor-.+"
    return query.format(requests=f'{REQUESTS}{{pod=~"{pods}"}}')
