"""A metric source that knows the totals, and sometimes does not say them."""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Collection
from datetime import datetime, timedelta
from itertools import accumulate

from tests.simulation.plans import Random
from tests.simulation.traffic import Totals
from tests.simulation.truth import Truth
from weld_api import metric_names
from weld_operator.domain.gates.measurement import Counter, Question, Reading

CANDIDATE, STABLE = "line-6c1f0a2b", "line-77aa0b1c"

_FAULTS = {"none": 0.88, "failing": 0.03, "empty": 0.03, "stale": 0.03, "number": 0.01, "ahead": 0.01, "partly": 0.01}
"""How often a look finds the source so."""
_NAMES = (*_FAULTS, "none")
_UP_TO = tuple(accumulate(_FAULTS.values()))


class Source:
    """Answers from the totals of now, or of an earlier look, or not."""

    def __init__(self, truth: Truth, random: Random) -> None:
        self._truth = truth
        self._random = random
        self._earlier: tuple[datetime, Totals] | None = None
        self.told: Totals = {}
        """What the answers of the last look were made of."""

    def begin(self) -> None:
        self._earlier = None

    def measure(
        self, questions: Collection[Question], totals: Totals, since: datetime, now: datetime
    ) -> dict[Question, Reading]:
        fault = _NAMES[bisect(_UP_TO, float(self._random.uniform()))]
        newest = now - timedelta(seconds=float(self._random.uniform(0, 15)))
        earlier = self._earlier if fault == "stale" else None
        newest, told = earlier or (newest, dict(totals))
        self.told = told
        if earlier is None:
            self._earlier = (newest, told)
        if fault == "failing":
            return {each: Reading(fault="no answer within 5 s") for each in questions}
        if fault == "ahead":
            newest = now + timedelta(minutes=10)
        answers = {each: Reading(self._values(each, told), since, newest, "simulated") for each in questions}
        spoiled = list(answers) if fault in ("empty", "number") else list(answers)[:1] if fault == "partly" else []
        for question in spoiled:
            values = dict.fromkeys(answers[question].values, math.nan) if fault == "number" else {}
            answers[question] = Reading(values, since, newest if values else None, "simulated")
        return answers

    def _values(self, question: Question, told: Totals) -> dict[str, float]:
        if not isinstance(question, Counter):
            return {"": self._truth.heat}

        def of(name: str) -> float:
            return told.get(name, 0.0)

        owner = "ours" if question.revision == CANDIDATE else "theirs"
        match question.metric:
            case metric_names.REQUESTS:
                return {"200": of("good"), "503": of("failed"), "400": of("clients")}
            case metric_names.REQUEST_SECONDS_BUCKET:
                return {"0.05": of("within 50"), "0.1": of("within 100"), "+Inf": of("good") + of("failed")}
            case metric_names.READINGS:
                return {"": of("readings")}
            case metric_names.FLAGGED_READINGS:
                if question.matching == (("flag", "out_of_range"),):
                    return {"out_of_range": of("outside")}
                return {"missing_context": of("uncovered"), "not_finite": 0.0}
            case metric_names.SCORED_READINGS:
                return {"": of(f"scored {owner}")}
            case metric_names.PASSES:
                return {"": of(f"passes {owner}")}
            case metric_names.STAGE_SECONDS:
                return {"": of(f"seconds {owner}")}
            case metric_names.SHADOW_READINGS:
                return {"agreed": of("compared") - of("disagreed"), "disagreed": of("disagreed")}
            case metric_names.SHADOW_RISK_RISE:
                return {"": of("rises")}
            case metric_names.SHADOW_RISK_FALL:
                return {"": of("falls")}
            case metric_names.SHADOW_RISK_SQUARES:
                return {"": of("squares")}
        raise AssertionError(f"nothing simulates {question.metric}")
