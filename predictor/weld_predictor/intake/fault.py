"""A request that cannot be taken, and how to quote what the client sent."""

from __future__ import annotations

import reprlib

_QUOTATION = reprlib.Repr()
_QUOTATION.maxlevel = 3
_QUOTATION.maxlist = _QUOTATION.maxtuple = 8
_QUOTATION.maxdict = 4
_QUOTATION.maxstring = _QUOTATION.maxother = _QUOTATION.maxlong = 80


class RequestError(ValueError):
    """The client's fault; the text is the one sentence of the answer."""


def quoted(value: object) -> str:
    """`value` as Python writes it, cut short: an answer must not carry a megabyte back."""
    return _QUOTATION.repr(value)
