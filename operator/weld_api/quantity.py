"""Durations and quantities as Kubernetes writes them, parsed in this one place."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

DURATION_PATTERN = r"^([0-9]{1,6}(d|h|m|s|ms)){1,4}$"
"""Go durations without fractions and signs, as the Gateway API restricts them (GEP-2257), one digit wider, or days."""

QUANTITY_PATTERN = r"^[0-9]+(\.[0-9]{1,6})?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$"
"""Kubernetes' resource quantities, without signs and exponents."""

_DURATION_UNITS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_DURATION_PART = re.compile(r"([0-9]{1,6})(ms|d|h|m|s)")
_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]{1,6})?)(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?")
_QUANTITY_UNITS = {
    "m": Decimal("0.001"),
    "": Decimal(1),
    **{unit: Decimal(1000) ** (power + 1) for power, unit in enumerate(("k", "M", "G", "T", "P"))},
    **{unit: Decimal(1024) ** (power + 1) for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi"))},
}


def parse_duration(text: str) -> timedelta:
    """`1m30s` -> 90 s. Raises ValueError, in one sentence, for anything else than whole d, h, m, s and ms."""
    if not re.fullmatch(DURATION_PATTERN, text):
        raise ValueError(
            f"{text!r} is not a duration: write whole numbers with d, h, m, s or ms, such as 100ms or 1h30m"
        )
    return timedelta(milliseconds=sum(int(n) * _DURATION_UNITS[unit] for n, unit in _DURATION_PART.findall(text)))


def parse_quantity(text: str) -> Decimal:
    """`512Mi` -> 536870912, `250m` -> 0.25. Raises ValueError, in one sentence, for what is no quantity."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a quantity: write a number with an optional unit, such as 500m, 2 or 512Mi")
    return Decimal(match.group(1)) * _QUANTITY_UNITS[match.group(2) or ""]


def _checked_duration(text: str) -> str:
    parse_duration(text)
    return text


def _checked_quantity(text: str) -> str:
    parse_quantity(text)
    return text


def _number_as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Duration = Annotated[
    str,
    AfterValidator(_checked_duration),
    WithJsonSchema({"type": "string", "format": "duration", "pattern": DURATION_PATTERN, "maxLength": 32}),
]
"""Text such as `100ms`; `parse_duration` gives its value."""

Quantity = Annotated[
    str,
    BeforeValidator(_number_as_text),
    AfterValidator(_checked_quantity),
    WithJsonSchema(
        {
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "pattern": QUANTITY_PATTERN,
            "x-kubernetes-int-or-string": True,
        }
    ),
]
"""Text such as `512Mi`, or a whole number; `parse_quantity` gives its value."""
