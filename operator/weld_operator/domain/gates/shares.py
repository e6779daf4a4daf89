"""Gates about a share of requests or readings: errors, latency, disagreement, ranges, coverage.

A latency at a quantile is such a share too: that a share q of requests is answered within a time says that at most
1 - q of them takes longer. Where the count is not exact, as when the time lies between two bounds of the histogram,
the fewest and the most that it can be are both kept: the most must be within the limit to pass, the fewest beyond it to
fail.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from weld_api import metric_names
from weld_api.gate import Coverage, Disagreement, ErrorRate, Gate, Latency, OutOfRange
from weld_api.quantity import parse_duration
from weld_api.shadow import SHADOW_LABEL_LENGTH
from weld_operator.domain.gates.case import Case, Estimate
from weld_operator.domain.gates.checks import IS_COUNTED, against_limits, first_verdict
from weld_operator.domain.gates.context import Trial
from weld_operator.domain.gates.measurement import Counter, Question, Reading
from weld_operator.domain.gates.sequential import Interval, share_interval
from weld_operator.domain.gates.verdict import Verdict
from weld_operator.domain.rollout.wording import share_in_words

Answers = Mapping[str, Reading]

_COUNTERS_AGREE = 0.01
"""Counters are not read at the same instant, so a part may be larger than its whole by this share of it."""


@dataclass(frozen=True)
class Count:
    """`fewest` to `most` bad ones, of `samples`."""

    fewest: float
    most: float
    samples: float


@dataclass(frozen=True)
class Terms:
    """What a gate says of the share of bad ones. `counted`: requests or readings. `did`: what the bad ones did."""

    most: float
    floor: int
    counted: str
    did: str
    is_complement: bool = False
    """Told as the share of good ones."""


class ShareGate:
    """A kind of gate that is about a share."""

    is_random = True

    def __init__(
        self,
        asks: Callable[[Gate, Trial], Mapping[str, Question]],
        count: Callable[[Case], Count],
        terms: Callable[[Gate, Trial], Terms],
    ) -> None:
        self.asks = asks
        self._count = count
        self._terms = terms

    def judge(self, case: Case) -> Verdict:
        verdict = first_verdict(case, IS_COUNTED)
        if verdict is not None:
            return verdict
        count, terms = self._count(case), self._terms(case.gate, case.trial)
        if count.samples <= 0:
            return case.insufficient("NoData", f"no {terms.counted} were counted yet")
        if count.fewest > count.samples * (1 + _COUNTERS_AGREE):
            message = f"{count.fewest:,.0f} of {count.samples:,.0f} {terms.counted} {terms.did}, more than there were"
            return case.insufficient("Inconsistent", message)
        return against_limits(case, _estimate(count, terms, case.error))


def _estimate(count: Count, terms: Terms, error: float) -> Estimate:
    fewest, most = min(count.fewest, count.samples), min(count.most, count.samples)
    interval = share_interval(most, count.samples, terms.most, error)
    if fewest != most:
        interval = Interval(share_interval(fewest, count.samples, terms.most, error).lower, interval.upper)
    share = most / count.samples
    samples = math.floor(count.samples)
    if terms.is_complement:
        share, interval = 1 - share, Interval(1 - interval.upper, 1 - interval.lower)
    between = f"{_percent(interval.lower)} to {_percent(interval.upper)} %"
    limit = 1 - terms.most if terms.is_complement else terms.most
    extreme = "least" if terms.is_complement else "most"
    is_exact = limit == (1 if terms.is_complement else 0)
    return Estimate(
        value=share,
        lower=interval.lower,
        upper=interval.upper,
        samples=samples,
        floor=terms.floor,
        found=f"{_percent(share)} % of {samples:,} {terms.counted} {terms.did} ({between})",
        demand=f"expected at {extreme} {share_in_words(limit)}",
        counted=terms.counted,
        least=limit if terms.is_complement else None,
        most=None if terms.is_complement else limit,
        if_undecided="no count can prove that there is none" if is_exact else "more must be counted",
    )


def _percent(share: float) -> str:
    """With four decimals at the most, never as a power of ten."""
    return f"{share * 100:.4f}".rstrip("0").rstrip(".")


_NO_FAULT_OF_OURS = frozenset(
    {
        "CANCELLED",
        "INVALID_ARGUMENT",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "UNAUTHENTICATED",
        "FAILED_PRECONDITION",
        "OUT_OF_RANGE",
    }
)
_REFUSED_FOR_LOAD = frozenset({"429", "RESOURCE_EXHAUSTED"})


def _is_good(status: str) -> bool:
    return status == "OK" or (status.isdecimal() and int(status) < 400)


def _is_clients(status: str) -> bool:
    """What the client did: a bad request, or it went away (499). A refusal for load is none of its doing."""
    if status in _REFUSED_FOR_LOAD:
        return False
    return status in _NO_FAULT_OF_OURS or (status.isdecimal() and 400 <= int(status) < 500)


def _failed_requests(case: Case) -> Count:
    """Of the requests that could have been answered. One status of gRPC stands for a full queue and for a message that
    is too large; it counts as the former. What is shadowed may be lost for load, and no sensor waits for it.
    """
    by_status = case.answers["requests"].values
    passed_over = {status for status in by_status if case.trial.is_shadow and status in _REFUSED_FOR_LOAD}
    ours = {status: n for status, n in by_status.items() if not _is_clients(status) and status not in passed_over}
    failed = sum(n for status, n in ours.items() if not _is_good(status))
    return Count(failed, failed, sum(ours.values()))


def _asks_requests(_: Gate, trial: Trial) -> Mapping[str, Question]:
    return {"requests": Counter(metric_names.REQUESTS, trial.namespace, trial.candidate, _asked_by(trial), "status")}


def _asked_by(trial: Trial) -> tuple[tuple[str, str], ...]:
    """In the shadow what the stable revision forwards; from then on what sensors send, and that alone."""
    return (("protocol", "shadow" if trial.is_shadow else "rest|v1|grpc"),)


def _error_terms(gate: Gate, _: Trial) -> Terms:
    it = gate.condition
    assert isinstance(it, ErrorRate)
    return Terms(it.max, it.min_samples, "requests", "failed")


def _asks_latency(_: Gate, trial: Trial) -> Mapping[str, Question]:
    metric = metric_names.REQUEST_SECONDS_BUCKET
    return {"requests": Counter(metric, trial.namespace, trial.candidate, _asked_by(trial), "le")}


def _latency_limit(gate: Gate, trial: Trial) -> timedelta:
    it = gate.condition
    assert isinstance(it, Latency)
    return trial.deadline if it.max is None else parse_duration(it.max)


def _slow_requests(case: Case) -> Count:
    """By the bounds next to the limit on either side; beyond the last bound nothing is known to be slow."""
    within = sorted((_bound(name), count) for name, count in case.answers["requests"].values.items())
    limit = _latency_limit(case.gate, case.trial).total_seconds()
    samples = max(count for _, count in within)
    sure = max((count for bound, count in within if bound <= limit), default=0.0)
    possible = min((count for bound, count in within if bound >= limit), default=samples)
    return Count(max(samples - max(possible, sure), 0.0), samples - sure, samples)


def _bound(name: str) -> float:
    """Of a histogram's label `le`; what cannot be read is no bound at all."""
    try:
        return float(name)
    except ValueError:
        return math.inf


def _latency_terms(gate: Gate, trial: Trial) -> Terms:
    it = gate.condition
    assert isinstance(it, Latency)
    limit = _latency_limit(gate, trial).total_seconds()
    return Terms(round(1 - it.quantile, 12), it.min_samples, "requests", f"took longer than {limit * 1000:g} ms")


def shadow_readings(trial: Trial) -> Counter:
    """The readings that candidate and stable were compared on, by result."""
    matching = (("candidate", trial.digest[:SHADOW_LABEL_LENGTH]),)
    return Counter(metric_names.SHADOW_READINGS, trial.namespace, trial.stable, matching, by="result")


def _asks_shadow(_: Gate, trial: Trial) -> Mapping[str, Question]:
    return {"compared readings": shadow_readings(trial)}


def _disagreeing(case: Case) -> Count:
    compared = case.answers["compared readings"]
    disagreed = compared.values.get("disagreed", 0.0)
    return Count(disagreed, disagreed, compared.total)


def _disagreement_terms(gate: Gate, _: Trial) -> Terms:
    it = gate.condition
    assert isinstance(it, Disagreement)
    return Terms(it.max, it.min_samples, "readings", "were decided otherwise than by stable")


def _asks_flags(*flags: str) -> Callable[[Gate, Trial], Mapping[str, Question]]:
    def asks(_: Gate, trial: Trial) -> Mapping[str, Question]:
        matching = (("flag", "|".join(flags)),)
        return {
            "readings": Counter(metric_names.READINGS, trial.namespace, trial.candidate),
            "flags": Counter(metric_names.FLAGGED_READINGS, trial.namespace, trial.candidate, matching, by="flag"),
        }

    return asks


def _flagged(case: Case) -> Count:
    """A reading may have several flags: those that have any are as many as the most frequent one, or up to all."""
    flags = case.answers["flags"].values.values()
    return Count(max(flags), sum(flags), case.answers["readings"].total)


def _range_terms(gate: Gate, _: Trial) -> Terms:
    it = gate.condition
    assert isinstance(it, OutOfRange)
    return Terms(it.max, it.min_samples, "readings", "lay outside of the card's ranges")


def _coverage_terms(gate: Gate, _: Trial) -> Terms:
    it = gate.condition
    assert isinstance(it, Coverage)
    return Terms(round(1 - it.min, 12), it.min_samples, "readings", "brought every input", is_complement=True)


ERROR_RATE = ShareGate(_asks_requests, _failed_requests, _error_terms)
LATENCY = ShareGate(_asks_latency, _slow_requests, _latency_terms)
DISAGREEMENT = ShareGate(_asks_shadow, _disagreeing, _disagreement_terms)
OUT_OF_RANGE = ShareGate(_asks_flags("out_of_range"), _flagged, _range_terms)
COVERAGE = ShareGate(_asks_flags("missing_context", "not_finite"), _flagged, _coverage_terms)
