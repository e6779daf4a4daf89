"""What precision and recall are worth: false digs and missed flaws in a year, and what they cost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Worth:
    """A year with a precision and a recall; money in the currency of the prices."""

    name: str
    precision: float
    recall: float
    flaws: float
    """That become a risk."""
    found: float
    missed: float
    false_digs: float
    cost_of_false_digs: float
    cost_of_missed_flaws: float

    @property
    def total(self) -> float:
        return self.cost_of_false_digs + self.cost_of_missed_flaws


def worth(name: str, *, flaws: float, precision: float, recall: float, false_dig: float, missed_flaw: float) -> Worth:
    """Of `flaws` that become a risk in a year a share `recall` is found, and each find is a dig.

    Precision is true digs / all digs, so that found flaws bring found (1 - precision) / precision false digs. Both are
    taken to be those of points, each of which is dug up once; a precision of 0 is refused by whoever calls.
    """
    found = flaws * recall
    false_digs = found * (1 - precision) / precision
    missed = flaws - found
    return Worth(
        name=name,
        precision=precision,
        recall=recall,
        flaws=flaws,
        found=found,
        missed=missed,
        false_digs=false_digs,
        cost_of_false_digs=false_digs * false_dig,
        cost_of_missed_flaws=missed * missed_flaw,
    )
