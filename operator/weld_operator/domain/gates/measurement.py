"""What gates ask of a metric source, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal


@dataclass(frozen=True)
class Counter:
    """How much a counter of a revision's Pods rose since a moment, over all of them.

    `revision` is the InferenceService's name. `matching`: labels, each with a regular expression (RE2, anchored).
    `by`: the label whose values are told apart; empty for one sum.
    """

    metric: str
    namespace: str
    revision: str
    matching: tuple[tuple[str, str], ...] = ()
    by: str = ""


@dataclass(frozen=True)
class Query:
    """The one value of a PromQL expression."""

    promql: str


@dataclass(frozen=True)
class Served:
    """What another installation's status document says of a bundle.

    `what`: the seconds for which each of its regions has served the bundle, or how often it was rolled back there.
    """

    url: str
    digest: str
    what: Literal["seconds", "rollbacks"]


Metric = Counter | Query
"""What a source of metrics answers."""

Question = Metric | Served


@dataclass(frozen=True)
class Reading:
    """The answer: values by the label that the question tells apart ("" where it tells none apart).

    `since` and `newest`: times of the first and the last sample that were used; `newest` is None where there was none.
    `query`: what was asked, for people. `fault`: one sentence; there are no values then.
    """

    values: Mapping[str, float] = field(default_factory=dict)
    since: datetime | None = None
    newest: datetime | None = None
    query: str = ""
    fault: str = ""

    @property
    def total(self) -> float:
        return sum(self.values.values())
