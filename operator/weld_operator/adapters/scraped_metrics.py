"""Metrics of predictors from their Pods, for where there is no Prometheus.

Counting begins with the first look, and anew with each start of the operator. For one metric of one revision there are
kept: its series by Pod, and 256 sums over all Pods. With ten metrics of 60 series together, 100 Pods take about 1 MB.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from weld_operator.adapters.cluster import Cluster, ClusterError
from weld_operator.adapters.exposition import ExpositionError, Page, read_page
from weld_operator.adapters.pod_pages import PodPages, Silence, Target, targets
from weld_operator.adapters.tally import Shown, Tally, TooManySeriesError
from weld_operator.desired.metadata import revision_labels
from weld_operator.domain.gates.measurement import Counter, Metric, Reading
from weld_operator.kinds import POD

FORGOTTEN_AFTER = timedelta(days=1)
MOST_REVISIONS = 1_000

_NO_PROMQL = "PromQL needs a Prometheus: set monitoring.prometheusUrl"


@dataclass(frozen=True)
class _Revision:
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass
class _Counting:
    """What is kept of one revision: a tally for each metric that was asked about."""

    asked: datetime
    tallies: dict[str, Tally] = field(default_factory=dict)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True)
class _Look:
    """What the Pods of a revision showed. `fault`: why no answer follows from it, though it is taken into account."""

    pods: Sequence[Target]
    pages: Mapping[str, Page]
    fault: str


class ScrapedMetrics:
    """Looks at the Pods of a revision whenever it is asked about them."""

    def __init__(self, cluster: Cluster, labels: Callable[[str], dict[str, str]] = revision_labels) -> None:
        """`labels`: those that the Pods of a revision have, by its name."""
        self._cluster = cluster
        self._labels = labels
        self._pages = PodPages()
        self._countings: dict[_Revision, _Counting] = {}

    async def close(self) -> None:
        await self._pages.close()

    async def measure(self, questions: Collection[Metric], since: datetime, now: datetime) -> Mapping[Metric, Reading]:
        """See MetricSource. A query has no answer here."""
        counters: dict[_Revision, list[Counter]] = {}
        readings: dict[Metric, Reading] = {}
        for question in questions:
            if isinstance(question, Counter):
                counters.setdefault(_Revision(question.namespace, question.revision), []).append(question)
            else:
                readings[question] = Reading(query=question.promql, fault=_NO_PROMQL)
        countings = {revision: self._counting(revision, now) for revision in counters}
        self._forget(now)
        looks = (self._measure(each, countings[each], asked, since, now) for each, asked in counters.items())
        for answers in await asyncio.gather(*looks):
            readings |= answers
        return readings

    def _counting(self, revision: _Revision, now: datetime) -> _Counting:
        """That of the revision, which is now the one that was asked for last."""
        counting = self._countings.pop(revision, None) or _Counting(now)
        counting.asked = now
        self._countings[revision] = counting
        return counting

    def _forget(self, now: datetime) -> None:
        for revision, counting in list(self._countings.items()):
            if len(self._countings) > MOST_REVISIONS or now - counting.asked > FORGOTTEN_AFTER:
                del self._countings[revision]

    async def _measure(
        self, revision: _Revision, counting: _Counting, counters: Sequence[Counter], since: datetime, now: datetime
    ) -> Mapping[Metric, Reading]:
        metrics = {each.metric for each in counters}
        async with counting.turn:
            try:
                look = await self._look(revision, metrics)
            except ClusterError as error:
                fault = f"the Pods of {revision} cannot be listed: {error}"
                return {each: Reading(query=_in_words(each), fault=fault) for each in counters}
            faults = {metric: _take(counting, metric, look, now) for metric in metrics}
            return {each: _reading(each, counting, look, faults[each.metric], since) for each in counters}

    async def _look(self, revision: _Revision, metrics: Collection[str]) -> _Look:
        """Raises ClusterError."""
        pods = targets(await self._cluster.list(POD, revision.namespace, self._labels(revision.name)))
        found = await self._pages.fetch(pods)
        return await asyncio.to_thread(_read, revision, pods, found, metrics)


def _read(
    revision: _Revision, pods: Sequence[Target], found: Mapping[str, str | Silence], metrics: Collection[str]
) -> _Look:
    """A page that cannot be read is a fault, as it is no predictor's; silence is one where every Pod keeps it."""
    pages: dict[str, Page] = {}
    silences: list[str] = []
    fault = ""
    for pod in pods:
        shown = found[pod.uid]
        if isinstance(shown, Silence):
            silences.append(f"{pod.name}: {shown.why}")
            continue
        try:
            pages[pod.uid] = read_page(shown, metrics)
        except ExpositionError as error:
            fault = f"the metrics of the Pod {pod.name} cannot be read: {error}"
    if silences and len(silences) == len(pods):
        fault = f"none of the {len(pods)} Pods of {revision} shows its metrics; {silences[0]}"
    return _Look(pods, pages, fault)


def _take(counting: _Counting, metric: str, look: _Look, now: datetime) -> str:
    """Take the look into account for one metric; what is wrong then."""
    tally = counting.tallies.setdefault(metric, Tally())
    shown = {uid: Shown(page.counters.get(metric, {}), page.process_start) for uid, page in look.pages.items()}
    try:
        tally.take(now, [pod.uid for pod in look.pods], shown)
    except TooManySeriesError as error:
        return f"{metric} cannot be counted: {error}"
    if look.pages and not tally.has_series:
        return f"no Pod shows a metric named {metric}"
    return look.fault


def _reading(question: Counter, counting: _Counting, look: _Look, fault: str, since: datetime) -> Reading:
    if fault:
        return Reading(query=_in_words(question), fault=fault)
    tally = counting.tallies[question.metric]
    start, rises = tally.rise(since)
    values: dict[str, float] = defaultdict(float)
    for labels, rise in rises.items():
        own = dict(labels)
        if all(re.fullmatch(pattern, own.get(label, "")) for label, pattern in question.matching):
            values[own.get(question.by, "")] += rise
    newest = tally.newest({pod.uid for pod in look.pods if pod.is_ready}) if values else None
    return Reading(dict(values), max(since, start), newest, _in_words(question))


def _in_words(question: Counter) -> str:
    matching = ",".join(f'{label}=~"{pattern}"' for label, pattern in question.matching)
    by = f" by {question.by}" if question.by else ""
    pods = f"the Pods of {question.namespace}/{question.revision}"
    return f"rise of {question.metric}{f'{{{matching}}}' if matching else ''}{by}, as {pods} show it"
