"""Bytes that the ledger keeps."""

from __future__ import annotations

from dataclasses import dataclass

from weld_operator.domain.capacity.assets import Ledger

DAY = 86_400
DAYS_IN_YEAR = 365.25

_IDENTITY = 8 + 8
"""Sensor and time."""
_DECISION = 4 + 1 + 4
"""Risk, decision, flags."""
_INPUT = 4
"""Each a float32."""


@dataclass(frozen=True)
class LedgerSize:
    """Bytes, compressed, all copies."""

    per_reading: float
    a_day: float
    in_all_years: float
    """That are kept once it is full."""


def ledger_size(
    ledger: Ledger, readings_per_second: float, scored_share: float, at_risk: float, inputs: int
) -> LedgerSize:
    """Of readings with so many `inputs`, of which a share is `at_risk`.

    A reading that is not scored has its decision written, and not its inputs again.
    """
    decision = _IDENTITY + _DECISION
    each = {
        "features": decision + scored_share * inputs * _INPUT,
        "decisions": float(decision),
        "at-risk": decision * at_risk,
    }[ledger.policy]
    each *= ledger.copies / ledger.compression
    a_day = each * readings_per_second * DAY
    return LedgerSize(each, a_day, a_day * DAYS_IN_YEAR * ledger.years)
