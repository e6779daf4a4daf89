"""Keeps the status of a WeldModel small, whatever the history: etcd and every watcher bear the whole of it.

What the operator decides by is never left out: phases, digests, times and verdicts. What people read is shortened, the
oldest and the longest first.
"""

from __future__ import annotations

from typing import Any, TypeVar

from weld_api.status import PlaceStatus

MOST_BYTES = 30_000
"""Of the status as JSON; with names and nulls the API server keeps it below 32 KiB."""

_SHORT = 120
_SHORTEST = 40
"""Of a text, in bytes."""

Place = TypeVar("Place", bound=PlaceStatus)


def fitted(status: Place, most_bytes: int = MOST_BYTES) -> Place:
    """The status, shortened as little as makes it fit. A status that fits is given back as it is."""
    for cut in _CUTS:
        if _size(status) <= most_bytes:
            return status
        status = cut(status)
    return status


def _size(status: PlaceStatus) -> int:
    return len(status.model_dump_json(exclude_none=True).encode())


def _short_queries(status: Place) -> Place:
    return _evidence(status, query=_SHORT)


def _short_history(status: Place) -> Place:
    return _history(status, keep=len(status.history), length=_SHORT)


def _short_rejections(status: Place) -> Place:
    return _rejections(status, _SHORT)


def _recent_history(status: Place) -> Place:
    return _history(status, keep=4, length=_SHORT)


def _short_conditions(status: Place) -> Place:
    return _conditions(status, 1024)


def _short_evidence(status: Place) -> Place:
    return _evidence(status, message=_SHORT, query=_SHORTEST)


def _least(status: Place) -> Place:
    status = _history(_evidence(status, message=_SHORTEST, query=0), keep=1, length=_SHORTEST)
    return _trial(_conditions(_rejections(status, 0), _SHORT))


_CUTS = (
    _short_queries,
    _short_history,
    _short_conditions,
    _recent_history,
    _short_rejections,
    _short_evidence,
    _least,
)


def _evidence(status: Place, **lengths: int) -> Place:
    """With these texts of each evidence cut to these lengths."""
    if status.rollout is None:
        return status
    cut = tuple(
        each.model_copy(update={name: _cut(getattr(each, name), length) for name, length in lengths.items()})
        for each in status.rollout.evidence
    )
    return status.model_copy(update={"rollout": status.rollout.model_copy(update={"evidence": cut})})


def _rejections(status: Place, length: int) -> Place:
    cut = tuple(each.model_copy(update={"message": _cut(each.message, length)}) for each in status.rejected)
    return status.model_copy(update={"rejected": cut})


def _conditions(status: Place, length: int) -> Place:
    cut = tuple(each.model_copy(update={"message": _cut(each.message, length)}) for each in status.conditions)
    return status.model_copy(update={"conditions": cut})


def _trial(status: Place) -> Place:
    """With the words of the trial itself cut."""
    state = status.rollout
    if state is None:
        return status
    changes: dict[str, Any] = {"message": _cut(state.message, _SHORT)}
    if state.approval is not None:
        changes["approval"] = state.approval.model_copy(update={"why": _cut(state.approval.why, _SHORT)})
    return status.model_copy(update={"rollout": state.model_copy(update=changes)})


def _history(status: Place, *, keep: int, length: int) -> Place:
    """The newest trials, with their words cut."""
    cut = []
    for each in status.history[-keep:] if keep else ():
        changes: dict[str, Any] = {"message": _cut(each.message, length)}
        if each.by is not None:
            changes["by"] = each.by.model_copy(update={"why": _cut(each.by.why, length)})
        cut.append(each.model_copy(update=changes))
    return status.model_copy(update={"history": tuple(cut)})


def _cut(text: str, length: int) -> str:
    if len(text.encode()) <= length:
        return text
    return text.encode()[: max(length - 3, 0)].decode(errors="ignore") + "…" if length else ""
