"""Which series a PromQL query reads, so that the age of its samples can be told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import promql_parser

from weld_operator.adapters.prometheus_queries import duration

LONGEST_QUERY = 4_096
"""With all names filled in. The parser goes as deep as a query is nested, and too deep is the end of the process."""

_NOTHING = timedelta(0)


@dataclass(frozen=True)
class Selector:
    """One selector of a query.

    `series`: as PromQL, without range, offset and @. `metric`: its name; empty where it gives none.
    `reach`: how far it looks back; None where it takes the newest sample alone. `offset`: how much earlier than at the
    query's time it looks. `at`: the time at which it looks instead.
    """

    series: str
    metric: str
    reach: timedelta | None = None
    offset: timedelta = _NOTHING
    at: datetime | None = None

    @property
    def place(self) -> str:
        """Offset and @, as PromQL."""
        at = "" if self.at is None else f" @ {self.at.timestamp():.3f}"
        sign = "-" if self.offset < _NOTHING else ""
        return at + (f" offset {sign}{duration(abs(self.offset))}" if self.offset else "")

    def looks_at(self, now: datetime) -> datetime:
        return (self.at or now) - self.offset


def selectors(promql: str) -> tuple[Selector, ...]:
    """Each once. Raises ValueError where this is no PromQL that is known here, or is too long."""
    if len(promql) > LONGEST_QUERY:
        raise ValueError(f"the query has {len(promql):,} characters, expected at most {LONGEST_QUERY:,}")
    found: list[Selector] = []
    # The parser's own walk takes seconds for a sum of a hundred terms.
    waiting: list[tuple[object, _Subqueries]] = [(promql_parser.parse(promql), ())]
    while waiting:
        part, around = waiting.pop()
        match part:
            case promql_parser.VectorSelector():
                found.append(_selector(part, None, around))
            case promql_parser.MatrixSelector():
                found.append(_selector(part.vector_selector, part.range, around))
            case promql_parser.SubqueryExpr():
                waiting.append((part.expr, (part, *around)))
            case _:
                waiting += [(each, around) for each in reversed(_parts(part))]
    return tuple(dict.fromkeys(found))


_Subqueries = tuple[promql_parser.SubqueryExpr, ...]
"""Those around a part of a query, from within. They shift and lengthen what it reads."""


def _parts(part: object) -> Sequence[object]:
    match part:
        case promql_parser.BinaryExpr():
            return part.lhs, part.rhs
        case promql_parser.AggregateExpr():
            return part.param, part.expr
        case promql_parser.UnaryExpr() | promql_parser.ParenExpr():
            return (part.expr,)
        case promql_parser.Call():
            return part.args
    return ()


def _selector(part: promql_parser.VectorSelector, reach: timedelta | None, around: _Subqueries) -> Selector:
    """An @ says where it looks, whatever the subqueries around it say; one of theirs, whatever is around them."""
    offset, at = part.offset or _NOTHING, _fixed(part.at)
    for subquery in around:
        if at is not None:
            break
        reach = (reach or _NOTHING) + (subquery.range or _NOTHING)
        offset += subquery.offset or _NOTHING
        at = _fixed(subquery.at)
    metric = _metric(part)
    part.offset = part.at = None
    return Selector(str(part), metric, reach, offset, at)


def _fixed(at: promql_parser.AtModifier | None) -> datetime | None:
    """The time of an @; its start() and end() are the query's own time."""
    return None if at is None else at.at


def _metric(part: promql_parser.VectorSelector) -> str:
    named = [each.value for each in part.matchers.matchers if _is_name(each)]
    return part.name or (named[0] if named else "")


def _is_name(matcher: promql_parser.Matcher) -> bool:
    return matcher.name == "__name__" and matcher.op == promql_parser.MatchOp.Equal
