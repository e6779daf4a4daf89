"""Times, shares and gates in words."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from weld_api.gate import (
    Coverage,
    Disagreement,
    Drift,
    EffectivePrecision,
    EffectiveRecall,
    ErrorRate,
    Gate,
    Latency,
    OutOfRange,
    PromQL,
    RiskShift,
    ServedElsewhere,
    Throughput,
)

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def time_in_words(time: timedelta) -> str:
    """`2 d 3 h`, `1 h 30 min`, `45 s`, `0.2 s`: two units at the most; what is negative counts as nothing."""
    seconds = max(time.total_seconds(), 0.0)
    if seconds < 10:
        return f"{seconds:.2g} s"
    for place, (unit, length) in enumerate(_UNITS):
        if seconds >= length:
            smaller, smaller_length = _UNITS[min(place + 1, len(_UNITS) - 1)]
            whole, rest = divmod(round(seconds / smaller_length), length // smaller_length)
            return f"{whole} {unit}" + (f" {rest} {smaller}" if rest else "")
    raise AssertionError("ten seconds are more than one")


def roughly(time: timedelta) -> str:
    """`33 min`: one unit."""
    seconds = max(time.total_seconds(), 0.0)
    if seconds < 10:
        return time_in_words(time)
    unit, length = next((unit, length) for unit, length in _UNITS if seconds >= length)
    return f"{seconds / length:,.0f} {unit}"


def moment_in_words(moment: datetime, now: datetime) -> str:
    """`14:02:11 UTC`, with its date where that is not today's; both times in UTC."""
    return moment.strftime("%H:%M:%S UTC" if moment.date() == now.date() else "%Y-%m-%d %H:%M:%S UTC")


def share_in_words(share: float) -> str:
    """`0.1 %`"""
    return f"{share * 100:.4g} %"


class Demand(NamedTuple):
    """What a gate asks for: the sentence, how many samples it must have at the least, and of what.

    `floor` is None where it needs none, or where its samples are its own affair.
    """

    sentence: str
    floor: int | None
    of: str


def demand_of(gate: Gate, workload_deadline: str) -> Demand:
    """A gate in words; `workload_deadline` stands where a latency gate states no limit."""
    match gate.condition:
        case ErrorRate() as it:
            return Demand(f"at most {share_in_words(it.max)} of requests fail", it.min_samples, "requests")
        case Latency() as it:
            limit = it.max or workload_deadline
            share = share_in_words(it.quantile)
            return Demand(f"{share} of requests are answered within {limit}", it.min_samples, "requests")
        case Throughput() as it:
            least = share_in_words(it.min_of_stable)
            return Demand(f"scores at least {least} as many readings a second as stable", it.min_samples, "passes")
        case Disagreement() as it:
            most = share_in_words(it.max)
            return Demand(f"decides otherwise than stable on at most {most} of readings", it.min_samples, "readings")
        case RiskShift() as it:
            sentence = f"its mean risk differs from stable's by at most {it.max:g}"
            return Demand(sentence, it.min_samples, "readings")
        case OutOfRange() as it:
            sentence = f"at most {share_in_words(it.max)} of readings are outside of its card's ranges"
            return Demand(sentence, it.min_samples, "readings")
        case Coverage() as it:
            sentence = f"at least {share_in_words(it.min)} of readings bring every input of its card"
            return Demand(sentence, it.min_samples, "readings")
        case EffectivePrecision() as it:
            return Demand(f"its precision is at least {share_in_words(it.min)}", it.min_outcomes, "outcomes")
        case EffectiveRecall() as it:
            return Demand(f"its recall is at least {share_in_words(it.min)}", it.min_outcomes, "outcomes")
        case Drift() as it:
            return Demand(f"readings are at most {it.max:g} away from those it was trained on", None, "readings")
        case PromQL() as it:
            return Demand(f"{_between(it)}: {it.query}", it.min_samples, "samples")
        case ServedElsewhere() as it:
            sentence = f"has been served for {it.for_}, with at most {it.max_rollbacks} rollbacks, by {it.url}"
            return Demand(sentence, None, "seconds")
        case other:
            raise TypeError(f"a gate of kind {type(other).__name__} has no words yet")


class Limits(NamedTuple):
    """What the value of a gate's evidence must be at the least and at the most; None where there is no such limit."""

    least: float | None = None
    most: float | None = None


def limits_of(gate: Gate) -> Limits:
    """In the unit of the evidence's value, which for a latency is the share of requests that take longer."""
    match gate.condition:
        case Latency() as it:
            return Limits(most=round(1 - it.quantile, 12))
        case Throughput() as it:
            return Limits(least=it.min_of_stable)
        case RiskShift() as it:
            return Limits(-it.max, it.max)
        case Coverage() | EffectivePrecision() | EffectiveRecall() as it:
            return Limits(least=it.min)
        case ErrorRate() | Disagreement() | OutOfRange() | Drift() as it:
            return Limits(most=it.max)
        case PromQL() as it:
            return Limits(it.min, it.max)
        case ServedElsewhere() as it:
            return Limits(most=it.max_rollbacks)
        case other:
            raise TypeError(f"a gate of kind {type(other).__name__} has no limits yet")


def value_in_words(gate: Gate, value: float) -> str:
    """A value of the gate's evidence, or a limit for it: `0.31 %`, or a number where it is no share."""
    if isinstance(gate.condition, RiskShift | Drift | PromQL | ServedElsewhere):
        return f"{value:,.4g}"
    return share_in_words(value)


def _between(gate: PromQL) -> str:
    limits = ((gate.min, "at least"), (gate.max, "at most"))
    return " and ".join(f"{words} {limit:,.10g}" for limit, words in limits if limit is not None)
