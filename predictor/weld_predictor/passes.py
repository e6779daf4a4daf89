"""One pass: the readings of all requests that are in it become columns, and each step is done once for all of them.

This is the only way to an answer, whatever the protocol. Steps cost microseconds however few readings there are, so
that nothing is done request by request but to cut the answers out.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from weld_predictor.answer import Answer
from weld_predictor.batching import Done, Part
from weld_predictor.calls import Call
from weld_predictor.decision import complete, decide
from weld_predictor.intake.fault import RequestError
from weld_predictor.intake.flags import Bounds, Flag, flag_readings, has
from weld_predictor.intake.form import InputForm
from weld_predictor.intake.layout import read_columns
from weld_predictor.intake.memory import Recollection, SensorMemory, of_nobody
from weld_predictor.intake.readings import Readings, delays, join
from weld_predictor.metrics import KServeMetrics, PredictorMetrics, Tally
from weld_predictor.pass_thread import PassThread
from weld_predictor.shadow.batch import Scored, fresh_rows, scored_parts
from weld_predictor.shadow.shadow import Shadow
from weld_predictor.tracing import Traces

Risk = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Features [N, F], finite but for context, to risk [N], row by row: no row's risk depends on the others.

A new array each time, which others may write into."""

_MOST_ATTEMPTS = 64
"""To find the readings that the estimator has no answer to; more than one of a sensor in one pass takes more."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Assessor:
    """What follows from readings by the card and by what is remembered of their sensors: flags, risk, decision."""

    bounds: Bounds
    threshold: float
    risk: Risk
    memory: SensorMemory | None = None
    """None: every reading is scored."""
    clock: Callable[[], float] = time.monotonic
    """Seconds, never going back; of the memory."""

    def answer(self, readings: Readings, arrived_at: int | NDArray[np.int64]) -> tuple[Answer, Recollection | None]:
        """The answer to N readings that arrived at `arrived_at`, Unix time in milliseconds, [N].

        And what was remembered of them. Where it raises, nothing of it is remembered.
        """
        flags = flag_readings(readings, self.bounds, arrived_at)
        if self.memory is None:
            features = readings.features
            unscored = has(flags, Flag.NOT_SCORED)
            if unscored.any():
                features = features[~unscored]
            risk, flags = complete(flags, self._scored(features))
            return Answer(risk, decide(risk, self.threshold), flags), None
        try:
            risk, flags, recollection = self._remembering(self.memory, readings, flags)
        except BaseException:
            self.memory.forget()
            raise
        return Answer(risk, decide(risk, self.threshold), flags), recollection

    def _remembering(
        self, memory: SensorMemory, readings: Readings, own: NDArray[np.uint32]
    ) -> tuple[NDArray[np.float32], NDArray[np.uint32], Recollection]:
        """Risk and flags of readings that would have their `own` flags alone."""
        now = self.clock()
        flags = own.copy()
        recollection = memory.recall(readings, flags, now)
        risk = self._risk_of(readings, recollection.rows)
        if not _are_finite(risk if len(recollection.rows) == len(readings) else risk[recollection.rows]):
            risk, flags, recollection = self._around_failures(memory, readings, own, now)
        memory.keep(risk)
        return risk, flags, recollection

    def _around_failures(
        self, memory: SensorMemory, readings: Readings, own: NDArray[np.uint32], now: float
    ) -> tuple[NDArray[np.float32], NDArray[np.uint32], Recollection]:
        """Risk and flags where the estimator has no answer to some readings, for whose answers others may have waited.

        Each time one of them counts as not scored, others may be scored in its place.
        """
        scorable = np.flatnonzero(~has(own, Flag.NOT_SCORED)).astype(np.intc)
        every = self._risk_of(readings, scorable)
        unanswered = np.zeros(len(readings), np.bool_)
        for attempt in range(_MOST_ATTEMPTS):
            flags = own.copy()
            flags[unanswered] |= np.uint32(Flag.NOT_SCORED)
            recollection = memory.recall(readings, flags, now)
            rows = recollection.rows
            if _are_finite(every[rows]):
                break
            # At last, all that would fail if they were scored.
            is_last = attempt == _MOST_ATTEMPTS - 2
            failing = scorable if is_last else rows
            failing = failing[~np.isfinite(every[failing])]
            unanswered[failing if is_last else _first_of_each_sensor(readings, failing)] = True
        return every, flags, recollection

    def _risk_of(self, readings: Readings, rows: NDArray[np.intc]) -> NDArray[np.float32]:
        """[N], of `rows`; of the others anything."""
        if len(rows) == len(readings):
            return self._scored(readings.features)
        risk = np.empty(len(readings), np.float32)
        risk[rows] = self._scored(readings.features[rows])
        return risk

    def _scored(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        return self.risk(features) if len(features) else np.empty(0, np.float32)


def _first_of_each_sensor(readings: Readings, rows: NDArray[np.intc]) -> NDArray[np.intc]:
    """Of `rows`, rising; whether a later one of the same sensor is scored at all depends on the first."""
    nobody = of_nobody(readings)[rows]
    named = rows[~nobody]
    _, first = np.unique(readings.sensor_id[named], return_index=True)
    return np.concatenate([rows[nobody], named[first]])


def _are_finite(risk: NDArray[np.float32]) -> bool:
    return bool(np.isfinite(risk).all())


@dataclass(slots=True)
class _Outcomes:
    """What a pass came to."""

    calls: list[tuple[Call, Any]] = field(default_factory=list)
    """Calls that are at their end, with a response or an exception."""
    failed: list[Call] = field(default_factory=list)
    tally: Tally | None = None
    scored: list[Scored] = field(default_factory=list)
    """What the candidate may be asked too, where there is one."""
    decode: float = 0.0
    score: float = 0.0
    encode: float = 0.0
    """Seconds of each step."""
    ended: float = 0.0

    def fail(self, call: Call, error: Exception) -> None:
        self.calls.append((call, error))
        self.failed.append(call)

    def add_tally(self, tally: Tally) -> None:
        self.tally = tally if self.tally is None else self.tally + tally


class Passes:
    """Makes passes for a batcher, and settles the calls that are in them."""

    def __init__(
        self,
        form: InputForm,
        assessor: Assessor,
        thread: PassThread,
        metrics: PredictorMetrics,
        kserve_metrics: KServeMetrics,
        traces: Traces,
        *,
        deadline: float,
        wall_clock: Callable[[], int],
        clock: Callable[[], float] = time.perf_counter,
        shadow: Shadow | None = None,
    ) -> None:
        """`deadline` and `clock` in seconds; `wall_clock`: Unix time in milliseconds; `shadow`: is offered answers."""
        self._form = form
        self._assessor = assessor
        self._thread = thread
        self._metrics = metrics
        self._kserve_metrics = kserve_metrics
        self._traces = traces
        self._deadline = deadline
        self._wall_clock = wall_clock
        self._clock = clock
        self._shadow = shadow

    def perform(self, parts: list[Part], quick: bool, done: Done) -> None:
        """As `batching.Perform`; the requests are calls that are open."""
        started = self._clock()

        def end(outcomes: _Outcomes) -> None:
            done(outcomes.failed, partial(self._deliver, parts, started, outcomes))

        if quick:
            end(self._outcomes(parts))
        else:
            self._thread.run(partial(self._outcomes, parts), end)

    def _outcomes(self, parts: list[Part]) -> _Outcomes:
        outcomes = _Outcomes()
        try:
            for calls in self._alike(parts, outcomes):
                self._answer(calls, outcomes)
        except Exception as error:  # noqa: BLE001 - whatever it is, somebody waits for an answer
            for part in parts:
                outcomes.fail(_call(part), error)
        outcomes.ended = self._clock()
        return outcomes

    def _alike(self, parts: list[Part], outcomes: _Outcomes) -> Iterator[tuple[list[Part], Readings]]:
        """Parts of the pass and their readings, those together whose sensors all go by number, or all by name."""
        started = self._clock()
        for numbered in (False, True):
            taken: list[Part] = []
            readings: list[Readings] = []
            for some, theirs in self._columns([part for part in parts if _is_numbered(part) is numbered], outcomes):
                taken += some
                readings.append(theirs)
            if taken:
                joined = join(readings)
                outcomes.decode += self._clock() - started
                yield taken, joined
                started = self._clock()

    def _columns(self, parts: list[Part], outcomes: _Outcomes) -> Iterator[tuple[list[Part], Readings]]:
        """Columns of `parts`: of all together that are still bytes, and of the others each for itself."""
        raw = [part for part in parts if _is_raw(part)]
        if raw:
            yield from self._read(raw, outcomes)
        for part in parts:
            call = _call(part)
            if call.readings is not None:
                yield [part], call.readings.part(part.start, part.stop)
            elif not _is_raw(part):
                # It is scored in parts, all of which need its columns.
                for _, call.readings in self._read([part], outcomes):
                    yield [part], call.readings.part(part.start, part.stop)

    def _read(self, parts: list[Part], outcomes: _Outcomes) -> Iterator[tuple[list[Part], Readings]]:
        """The columns of whole calls; where one of them is at fault, of each for itself."""
        try:
            yield parts, read_columns([_body(part) for part in parts], self._form)
        except RequestError as error:
            if len(parts) == 1:
                outcomes.fail(_call(parts[0]), error)
                return
            for part in parts:
                yield from self._read([part], outcomes)

    def _answer(self, alike: tuple[list[Part], Readings], outcomes: _Outcomes) -> None:
        parts, readings = alike
        started = self._clock()
        try:
            arrived_at = self._arrivals(parts)
            answer, recollection = self._assessor.answer(readings, arrived_at)
        except Exception as error:  # noqa: BLE001 - estimators raise what they like
            self._answer_alone(parts, readings, error, outcomes)
            return
        scored = self._clock()
        outcomes.score += scored - started
        outcomes.add_tally(self._metrics.tally(answer, recollection, delays(readings, arrived_at)))
        outcomes.calls += _responses(parts, answer)
        outcomes.encode += self._clock() - scored
        if self._shadow is not None and self._shadow.is_on:
            whole = Scored(readings, answer, fresh_rows(answer, recollection))
            outcomes.scored += scored_parts(whole, [_waveforms(part) for part in parts])

    def _answer_alone(self, parts: list[Part], readings: Readings, error: Exception, outcomes: _Outcomes) -> None:
        """One of the parts may be at fault: alone, each meets its own fate."""
        if len(parts) == 1:
            outcomes.fail(_call(parts[0]), error)
            return
        start = 0
        for part in parts:
            self._answer(([part], readings.part(start, start + len(part))), outcomes)
            start += len(part)

    def _arrivals(self, parts: list[Part]) -> int | NDArray[np.int64]:
        """When the readings of `parts` arrived, Unix time in milliseconds."""
        now, wall = self._clock(), self._wall_clock()
        if len(parts) == 1:
            return wall - round((now - parts[0].request.came) * 1000)
        ago = np.rint((now - np.array([part.request.came for part in parts])) * 1000).astype(np.int64)
        return np.repeat(wall - ago, [part.stop - part.start for part in parts])

    def _deliver(self, parts: list[Part], started: float, outcomes: _Outcomes) -> None:
        """In the event loop: give the answers out, and count them."""
        answered: dict[str, list[Call]] = {}
        for call, outcome in outcomes.calls:
            if not call.is_settled:
                if not isinstance(outcome, Exception):
                    answered.setdefault(call.protocol, []).append(call)
                _settle(call, outcome)
        self._observe(parts, started, outcomes)
        for protocol, calls in answered.items():
            self._observe_answered(protocol, calls, outcomes)
        if self._shadow is not None and outcomes.scored:
            self._shadow.offer(outcomes.scored)

    def _observe(self, parts: list[Part], started: float, outcomes: _Outcomes) -> None:
        metrics = self._metrics
        metrics.stage("decode", outcomes.decode)
        metrics.stage("score", outcomes.score)
        metrics.stage("encode", outcomes.encode)
        metrics.queued(started - np.array([part.request.came for part in parts if part.start == 0]))
        if outcomes.tally is not None:
            metrics.answers(outcomes.tally)

    def _observe_answered(self, protocol: str, calls: list[Call], outcomes: _Outcomes) -> None:
        taken = self._clock() - np.array([call.came for call in calls])
        self._metrics.requests(protocol, calls[0].status, taken)
        predicted = outcomes.ended - outcomes.encode - np.array([call.came for call in calls])
        self._kserve_metrics.answered(outcomes.decode, predicted, outcomes.encode)
        late = taken > self._deadline
        if late.any():
            readings = np.array([call.readings_count for call in calls])
            self._metrics.deadline_missed(int(readings[late].sum()))
        if self._traces.are_recorded:
            steps = (("decode", outcomes.decode), ("score", outcomes.score), ("encode", outcomes.encode))
            for call in calls:
                self._traces.request(call.protocol, call.headers, call.status, call.came, (*call.steps, *steps))


def _settle(call: Call, outcome: Any) -> None:
    """Whatever comes of it, the others get their answers."""
    try:
        call.settle(outcome)
    except Exception:  # noqa: BLE001 - it is told in the log
        _log.exception("an answer could not be given out")


def _responses(parts: list[Part], answer: Answer) -> Iterator[tuple[Call, Any]]:
    """Of the calls of which `parts` are the last, or the whole; `answer` is to all of the parts in turn."""
    values: dict[str, bytes] = {}
    start = 0
    for part in parts:
        call = _call(part)
        stop = start + part.stop - part.start
        frame = call.envelope.frame
        if frame is not None and part.is_whole:
            values = values or answer.tobytes()
            yield call, call.frame(frame.fill(values, start, stop))
        else:
            own = _whole_answer(call, part, answer.part(start, stop))
            if own is not None:
                yield call, call.write(own) if frame is None else call.frame(frame.fill(own.tobytes(), 0, len(own)))
        start = stop


def _whole_answer(call: Call, part: Part, answer: Answer) -> Answer | None:
    """The answer to the whole call once `answer`, to `part` of it, was the last that was missing."""
    if part.is_whole:
        return answer
    if call.answers is None:
        call.answers = []
    call.answers.append(answer)
    return Answer.join(call.answers) if part.stop == call.readings_count else None


def _call(part: Part) -> Call:
    return cast(Call, part.request)


def _waveforms(part: Part) -> tuple[int, NDArray[np.int16] | None]:
    """How many readings, and [N, S] what they came as, None where they came as features."""
    ascans = _call(part).ascans
    return len(part), None if ascans is None else ascans[part.start : part.stop]


def _body(part: Part) -> Any:
    call = _call(part)
    return call.envelope.layout, call.body


def _is_raw(part: Part) -> bool:
    return _call(part).readings is None and part.is_whole


def _is_numbered(part: Part) -> bool:
    call = _call(part)
    if call.readings is not None:
        return call.readings.numbered
    assert call.envelope.layout is not None
    return call.envelope.layout.numbered
