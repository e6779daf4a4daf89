"""A trial, told as it goes on, in the words of the product's own commands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

from tests.sandbox.demo.live_view import LiveView
from tests.sandbox.sensor_stream import Tally
from tests.sandbox.waiting import WaitError
from tests.sandbox.weld_models import AppliedWeldModel
from weld_api.rollout_status import RolloutPhase, RolloutStatus
from weld_api.weld_model import WeldModel, parse_weld_model
from weld_cli.rollout_past import explanation
from weld_cli.rollout_picture import Course, course_of, picture

LOOKS = 600
LOOK_SECONDS = 0.5


COMMANDS: Mapping[str, Callable[[WeldModel, datetime], Iterator[str]]] = {"explain": explanation, "status": picture}


class TrialTeller:
    """Follows the trial of one version, and tells each phase and step once.

    `quotes`: in which phase which command is quoted, once, as soon as something has been counted there.
    """

    def __init__(
        self,
        applied: AppliedWeldModel,
        version: str,
        tally: Tally,
        view: LiveView,
        quotes: Mapping[RolloutPhase, str],
    ) -> None:
        self._applied = applied
        self._version = version
        self._tally = tally
        self._view = view
        self._place: tuple[object, ...] = ()
        self._quotes = dict(quotes)
        self._counted = (0, 0)

    async def tell(self) -> Course:
        """Until the trial is over; gives its end. Raises WaitError when that does not come."""
        for _ in range(LOOKS):
            model = parse_weld_model(await self._applied.body())
            state = model.status.rollout
            if state is not None and state.version == self._version:
                self._tell_place(state)
                self._quote(model, state)
            course = course_of(model)
            if course != "OnItsWay":
                return course
            await asyncio.sleep(LOOK_SECONDS)
        raise WaitError(f"the trial of version {self._version} is not over after {LOOKS * LOOK_SECONDS:g} s")

    def _tell_place(self, state: RolloutStatus) -> None:
        phase = "RolledBack" if state.phase == "RollingBack" else state.phase
        place = (phase, state.step, state.measured_from is not None)
        if place == self._place:
            return
        before, self._place = self._place, place
        if before and before[0] == "Canary" and before[2]:
            self._view.say(self._share_seen())
        if state.measured_from is not None and state.phase == "Canary":
            self._counted = self._answers()
        for line in _sentences(state):
            self._view.say(line)

    def _quote(self, model: WeldModel, state: RolloutStatus) -> None:
        if any(each.samples for each in state.evidence) and state.phase in self._quotes:
            command = self._quotes.pop(state.phase)
            lines = COMMANDS[command](model, datetime.now(UTC))
            self._view.quote(f"weldserve rollout {command} {self._applied.name}", lines)

    def _answers(self) -> tuple[int, int]:
        return self._tally.by_version[self._version], self._tally.answered

    def _share_seen(self) -> str:
        """Of the answers since the step was measured."""
        by_it, answered = (now - then for now, then in zip(self._answers(), self._counted, strict=True))
        share = by_it / answered if answered else 0.0
        return f"{share:.1%} of {answered:,} readings were answered by {self._version} in this step"


def _sentences(state: RolloutStatus) -> Iterator[str]:
    """Where it is, when it has come there; nothing for what lasts a moment."""
    is_measured = state.measured_from is not None
    match state.phase:
        case "Shadow" if is_measured:
            yield f"{state.version} in the shadow: it scores what the stable version has scored, its answers go nowhere"
        case "Canary" if is_measured:
            yield f"step {state.step} of {state.steps}: {state.version} answers {state.weight} % of the requests"
        case "Promoting":
            yield "every gate passes: it is promoted once it has the replicas for all requests"
        case "RollingBack" | "RolledBack":
            yield f"rolled back by itself: {state.message}"
