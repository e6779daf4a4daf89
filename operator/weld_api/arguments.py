"""Settings of a program that are read from `--name=value` arguments, each with one sentence for what is wrong."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError


class Arguments(BaseModel):
    """Settings, of which each field is one argument: `http_port` is `--http-port`.

    A program's own settings derive from this, and say which program it is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    program: ClassVar[str]
    """What the program is called in sentences, such as `operator`."""

    @classmethod
    def from_args(cls, argv: Sequence[str]) -> Self:
        """Parse `--name=value` arguments; of an argument given twice, the last counts.

        Raises ValueError with one sentence that names the argument.
        """
        try:
            parsed, surplus = cls._parser().parse_known_args(argv)
        except argparse.ArgumentError as error:
            raise ValueError(str(error)) from error
        if surplus:
            known = ", ".join(map(flag, cls.model_fields))
            raise ValueError(f"{surplus[0]!r} is not an argument of the {cls.program}; it knows {known}")
        try:
            return cls.model_validate(vars(parsed))
        except ValidationError as error:
            raise ValueError(_sentence(error)) from error

    @classmethod
    def arguments_help(cls) -> str:
        """Every argument, with what it means."""
        return cls._parser().format_help()

    @classmethod
    def _parser(cls) -> argparse.ArgumentParser:
        parser = argparse.ArgumentParser(
            prog=f"weld_{cls.program}",
            description=f"The {cls.program} of weldserve.",
            allow_abbrev=False,
            exit_on_error=False,
        )
        for name, field in cls.model_fields.items():
            parser.add_argument(flag(name), dest=name, help=field.description, default=argparse.SUPPRESS)
        return parser


def flag(name: str) -> str:
    """The argument of a field."""
    return "--" + name.replace("_", "-")


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    message = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return message
    argument = flag(str(first["loc"][0]))
    if first["type"] == "missing":
        return f"{argument} is required"
    return f"{argument}={first['input']}: {message}"
