"""What the status keeps of trials, as a trial takes it and gives it back."""

from __future__ import annotations

from dataclasses import replace

from weld_api.status import WeldModelStatus
from weld_operator.domain.rollout.acts import refusal
from weld_operator.domain.rollout.trial import Advance, Happening, Memory
from weld_operator.domain.subject import Subject
from weld_operator.domain.told_action import MalformedAction


def memory_of(status: WeldModelStatus) -> Memory:
    """What is remembered of trials."""
    return Memory(status.rollout, status.rejected, status.history, status.last_action)


def unchanged(memory: Memory, *, is_on: bool) -> Advance:
    """Everything stays as it is, as when the spec cannot be read; `is_on`: whether there is a candidate."""
    weight = memory.rollout.weight if memory.rollout is not None and is_on else 0
    return Advance(memory=memory, weight=weight)


def answered(subject: Subject, trial: Advance) -> Advance:
    """With an answer to an act that nothing on trial could take up, or that cannot be read; each is given once."""
    action = subject.action
    if action is None or action.id == trial.memory.last_action:
        return trial
    if isinstance(action, MalformedAction):
        fault = action.fault
    else:
        fault = f"{refusal(action.verb, None)}; by {action.by}: {action.why}"
    memory = replace(trial.memory, last_action=action.id)
    told = Happening("Warning", "ActRefused", fault, action.id)
    return replace(trial, memory=memory, happenings=(*trial.happenings, told))
