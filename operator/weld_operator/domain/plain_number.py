"""Numbers as a status tells them."""

from __future__ import annotations

from decimal import Decimal


def plain_number(number: Decimal) -> str:
    """Without exponent and superfluous zeros, to a thousandth: `100000`, `33.333`."""
    text = f"{number:.3f}"
    return text.rstrip("0").rstrip(".")
