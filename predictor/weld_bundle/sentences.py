"""One sentence out of what pydantic reports."""

from __future__ import annotations

from pydantic import ValidationError


def first_problem(error: ValidationError) -> str:
    """Where the first problem is, what is wrong with it and what was found: `inputs[3].unit: ...`."""
    first = error.errors()[0]
    where = ""
    for part in first["loc"]:
        where += f"[{part}]" if isinstance(part, int) else f".{part}" if where else str(part)
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "missing":
        return f"{where} is missing"
    if first["type"] == "extra_forbidden":
        return f"{where} is not a known field"
    if isinstance(first["input"], str | int | float | bool):
        message += f", not {_shortened(repr(first['input']))}"
    return f"{where}: {message}" if where else message


def _shortened(text: str, longest: int = 80) -> str:
    return text if len(text) <= longest else text[: longest - 3] + "..."
