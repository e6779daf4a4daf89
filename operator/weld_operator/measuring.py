"""Asks a source of metrics what the gates of trials want to know, beside the reconciliations and never in their way.

A reconciliation that finds gates due begins to measure and goes on; when the answers are there it is called again, and
judges them. So a source that is slow, or does not answer, delays nothing but the verdicts that it is asked for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from weld_operator.adapters.clock import Clock
from weld_operator.adapters.metric_source import MetricSource
from weld_operator.adapters.status_documents import StatusDocuments, WithStatusDocuments
from weld_operator.domain.gates.judging import judge_all
from weld_operator.domain.gates.measurement import Question, Reading
from weld_operator.domain.gates.verdict import Verdict
from weld_operator.domain.subject import Subject
from weld_operator.domain.trial_questions import Inquiry, inquiry_of
from weld_operator.kinds import Key

_log = logging.getLogger(__name__)

PATIENCE_SECONDS = 5.0
"""Time that a source has for one look."""

Readings = Mapping[Question, Reading]


@dataclass(frozen=True)
class Measured:
    """Verdicts of the gates by name, None while there are no new ones; readings that the shadow has compared."""

    verdicts: Mapping[str, Verdict] | None = None
    compared: int = 0


@dataclass
class _Look:
    """One look at the gates of one WeldModel: what is asked, the answers, and whether they were judged."""

    inquiry: Inquiry
    task: asyncio.Task[Readings]
    is_judged: bool = False


class Measuring:
    """One look at a time for each WeldModel."""

    def __init__(
        self,
        source: MetricSource,
        clock: Clock,
        notice: Callable[[Key], None],
        pods: MetricSource | None = None,
        regional: MetricSource | None = None,
        documents: StatusDocuments | None = None,
    ) -> None:
        """`notice` is called with the key of a WeldModel whose answers are there.

        `pods` is asked instead of `source` where Pods are not named by their revision, as they are not in Knative mode,
        and `regional` for regions in this cluster. `documents`: of other installations.
        """
        self._source = source
        self._pods = pods or source
        self._regional = regional or source
        self._documents = documents or StatusDocuments()
        self._clock = clock
        self._notice = notice
        self._looks: dict[Key, dict[str, _Look]] = {}
        """By the region, which is empty where there is none."""

    def look(self, subject: Subject, source: MetricSource | None = None) -> Measured:
        """What there is to say of a trial now; begins to measure where that is due.

        `source`: what knows the predictors of the subject's region, where that is not what knows all others.
        """
        now = self._clock.now()
        looks = self._looks.setdefault(subject.key, {})
        inquiry, look = inquiry_of(subject), looks.get(subject.region)
        if look is not None and (inquiry is None or not inquiry.is_answered_by(look.inquiry)):
            looks.pop(subject.region).task.cancel()
            look = None
        if inquiry is None:
            return Measured()
        if look is not None and look.task.done() and not look.is_judged:
            look.is_judged = True
            readings = look.task.result()
            return Measured(judge_all(inquiry.gates, inquiry.trial, readings, now), inquiry.compared(readings))
        known = 0 if look is None or not look.is_judged else inquiry.compared(look.task.result())
        if inquiry.due <= now and (look is None or look.is_judged):
            looks[subject.region] = _Look(
                inquiry, self._begin(subject.key, inquiry, source or self._known(subject), now)
            )
        return Measured(compared=known)

    def forget(self, key: Key) -> None:
        """Nothing of this WeldModel is to be measured any more."""
        for look in self._looks.pop(key, {}).values():
            look.task.cancel()

    async def until_answered(self) -> None:
        """Wait until no answer is awaited."""
        looks = [look for regions in self._looks.values() for look in regions.values()]
        await asyncio.gather(*(look.task for look in looks), return_exceptions=True)

    def _known(self, subject: Subject) -> MetricSource:
        if subject.region:
            return self._regional
        return self._source if _are_pods_named_by_revision(subject) else self._pods

    def _begin(self, key: Key, inquiry: Inquiry, source: MetricSource, now: datetime) -> asyncio.Task[Readings]:
        both = WithStatusDocuments(source, self._documents)
        task = asyncio.create_task(_ask(key, inquiry, both, now), name=f"measuring of {key}")
        task.add_done_callback(lambda ended: None if ended.cancelled() else self._notice(key))
        return task


async def _ask(key: Key, inquiry: Inquiry, source: WithStatusDocuments, now: datetime) -> Readings:
    asked = inquiry.questions
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await source.measure(asked, inquiry.trial.since, now)
    except TimeoutError:
        return _faulty(asked, f"no answer within {PATIENCE_SECONDS:g} s")
    except Exception:  # noqa: BLE001 - whatever a source does, its gates lack evidence and nothing else happens
        _log.exception("The source of metrics has a fault; gates of %s have no evidence", key)
        return _faulty(asked, "the operator has a fault; its log says more")


def _are_pods_named_by_revision(subject: Subject) -> bool:
    return subject.spec is None or subject.spec.serving.mode != "Knative"


def _faulty(asked: frozenset[Question], fault: str) -> Readings:
    return dict.fromkeys(asked, Reading(fault=fault))
