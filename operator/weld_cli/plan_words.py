"""Figures of a plan in words: with units, and no more digits than one believes."""

from __future__ import annotations

import math
from collections.abc import Sequence

_BYTES = ((1e15, "PB"), (1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def size(amount: float) -> str:
    """Bytes: `1.05 TB`."""
    for unit, name in _BYTES:
        if amount >= unit:
            return f"{amount / unit:.3g} {name}" if amount < 999.5 * unit else f"{amount / unit:,.0f} {name}"
    return f"{amount:.3g} B"


def milliseconds(seconds: float) -> str:
    if seconds >= 10:
        return f"{seconds:,.0f} s"
    return f"{seconds * 1000:.3g} ms" if seconds < 0.9995 else f"{seconds:.3g} s"


def share(value: float) -> str:
    """In percent, with as many nines as there are, up to four behind the point."""
    percent = 100 * value
    if 99.9 < percent < 99.99995:
        digits = min(math.ceil(-math.log10(100 - percent)) + 1, 4)
        return f"{math.floor(percent * 10**digits) / 10**digits:.{digits}f}".rstrip("0") + " %"
    return f"{percent:.3g} %" if percent < 999.5 else f"{percent:,.0f} %"


def money(amount: float, currency: str) -> str:
    return f"{amount:,.0f} {currency}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], indent: str = "  ") -> list[str]:
    """The first column to the left, the others to the right."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        first, *rest = (
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return (indent + "   ".join([first, *rest])).rstrip()

    return [line(head), indent + "-" * (sum(widths) + 3 * (len(widths) - 1)), *(line(row) for row in rows)]
