"""Forwards what was scored to the candidate, on a thread of its own, and compares; what is too much is lost, counted.

The event loop only leaves here what it has answered already. The thread sends it on and reads the answers, one request
at a time, and takes little of the processor from the predictor, so that it answers its own clients as before whatever
the candidate does.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from weld_api.card import BundleCard
from weld_predictor.intake.form import InputForm
from weld_predictor.shadow.backlog import Backlog
from weld_predictor.shadow.batch import Batch, Scored, join
from weld_predictor.shadow.comparison import Comparison, Inputs
from weld_predictor.shadow.line import Heard, Line
from weld_predictor.shadow.lines import Lines
from weld_predictor.shadow.losses import Loss, LostError
from weld_predictor.shadow.metrics import ShadowMetrics
from weld_predictor.shadow.order import Order, OrderFile
from weld_predictor.shadow.thrift import EARN_SECONDS, Thrift

LOOK_SECONDS = 1.0
"""From one look at the order to the next."""
MOST_TOGETHER = 4_096
"""Readings in one forwarded request, of at most `MOST_BYTES_TOGETHER`."""
MOST_BYTES_TOGETHER = 1 << 20
LEAST_WAITING = 32_768
"""Readings that may wait at the least, or two passes; they may have `MOST_BYTES`."""
MOST_BYTES = 64 << 20
LOG_SECONDS = 60.0
"""From one line in the log about a failure to the next."""
END_SECONDS = 1.0

_log = logging.getLogger(__name__)


class Shadow:
    """Belongs to one event loop, and has one thread from `start` until `close`."""

    def __init__(
        self,
        folder: Path,
        card: BundleCard,
        digest: str,
        model: str,
        metrics: ShadowMetrics,
        *,
        max_readings: int,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`digest`: of the bundle with `card` that is served here as `model`; `max_readings` of a pass.

        `clock`: seconds that never go back; `chance`: from 0 to below 1, all equally likely.
        """
        self._form = InputForm.of(card)
        self._inputs = frozenset(each.name for each in card.inputs)
        self._file = OrderFile(folder, digest)
        self._metrics = metrics
        self._clock = clock
        self._chance = chance
        self._thrift = Thrift(clock())
        self._lines = Lines(model)
        self._backlog = Backlog(max(LEAST_WAITING, 2 * max_readings), MOST_BYTES)
        self._order: Order | None = None
        self._changed = threading.Condition()
        """Of the backlog and the order, which both threads touch."""
        self._ended = threading.Event()
        self._look_at = self._log_at = 0.0
        self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)

    @property
    def is_on(self) -> bool:
        """Whether anything is to be offered."""
        return self._order is not None

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """End the thread, whatever it is at; what waits is lost."""
        self._ended.set()
        with self._changed:
            self._changed.notify()
        self._lines.abort()
        if self._thread.is_alive():
            self._thread.join(END_SECONDS)

    def offer(self, scored: Sequence[Scored]) -> None:
        """In the event loop, once the answers are given out: readings that may be compared."""
        order = self._order
        if order is not None:
            for each in scored:
                self._offer(each, order)

    def _offer(self, scored: Scored, order: Order) -> None:
        readings = scored.fresh_count
        if not readings:
            return
        # By chance and pass by pass: by sensor, some would never be compared, and taking rows out of a pass costs.
        if order.share < 100 and self._chance() * 100 >= order.share:
            self._metrics.lost(order.candidate, Loss.SHARE, readings)
            return
        batch = Batch.of(scored, self._form)
        with self._changed:
            if self._order is None or self._order.digest != order.digest:
                loss = Loss.ENDED
            elif not self._backlog.fits(readings, batch.nbytes * readings // len(batch)):
                loss = Loss.BUSY
            else:
                self._backlog.put(batch if scored.fresh is None else batch.take(scored.fresh.nonzero()[0]))
                self._changed.notify()
                return
        self._metrics.lost(order.candidate, loss, readings)

    # On the thread

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                self.look()
                if not self.forward():
                    self._wait()
            except Exception:  # noqa: BLE001 - whatever it is, it may be over at the next look
                _log.exception("shadowing failed")
                self._ended.wait(LOOK_SECONDS)
        self._lines.follow(None)

    def look(self) -> None:
        """At the order, if it is time."""
        now = self._clock()
        if now >= self._look_at:
            self._look_at = now + LOOK_SECONDS
            if self._file.look():
                self._follow(self._file.order)

    def forward(self) -> bool:
        """Forward what is next; False where there is nothing, or it must rest."""
        order = self._order
        if order is None or not self._backlog.readings:
            return False
        used = time.thread_time()
        try:
            if not self._thrift.may_work(self._clock()):
                return False
            self._forward_to(self._lines.next(self._clock()), order)
        finally:
            self._thrift.worked(time.thread_time() - used)
        return True

    def _wait(self) -> None:
        """Until there is something to do; not beyond the next look at the order."""
        left = max(self._look_at - self._clock(), 0.0)
        if self._backlog.readings:
            self._ended.wait(min(EARN_SECONDS, left))
        else:
            with self._changed:
                self._changed.wait_for(lambda: self._backlog.readings or self._ended.is_set(), left)

    def _follow(self, order: Order | None) -> None:
        with self._changed:
            before, self._order = self._order, order
            is_same = before is not None and order is not None and before.digest == order.digest
            ended = 0 if is_same else self._backlog.clear()
        if before is not None:
            self._metrics.lost(before.candidate, Loss.ENDED, ended)
        self._lines.follow(order)
        if order is None:
            _log.info("nothing is shadowed any more")
        elif not is_same:
            self._metrics.begin(order.candidate)
            _log.info("shadowed", extra={"candidate": order.digest, "candidate_version": order.version})

    def _forward_to(self, line: Line | None, order: Order) -> None:
        if line is None:
            with self._changed:
                waiting = self._backlog.clear()
            self._metrics.lost(order.candidate, self._lines.latest_failure, waiting)
            return
        readings = 0
        try:
            candidate = line.connect(order)
            with self._changed:
                batches = self._backlog.take(min(MOST_TOGETHER, candidate.most_readings), MOST_BYTES_TOGETHER)
            readings = sum(map(len, batches))
            batch = join(batches)
            self._compare(batch, line.ask(batch, order), order)
            self._lines.worked(line)
        except LostError as error:
            self._metrics.lost(order.candidate, error.loss, readings)
            self._lines.failed(line, error.loss, self._clock())
            self._say(line, error)
        except Exception:  # noqa: BLE001 - whatever it is, what follows may be better
            self._metrics.lost(order.candidate, Loss.UNPAIRED, readings)
            _log.exception("readings could not be compared")

    def _compare(self, batch: Batch, heard: Heard, order: Order) -> None:
        theirs = frozenset(heard.candidate.features) | frozenset(heard.candidate.context)
        inputs = Inputs.of(self._inputs, frozenset(self._form.context), theirs, frozenset(heard.candidate.context))
        self._metrics.answered(order.candidate, heard.seconds)
        self._metrics.compared(order.candidate, Comparison.of(batch, heard.answer), inputs.came(batch))

    def _say(self, line: Line, error: LostError) -> None:
        """In the log, but not for each batch."""
        if self._clock() >= self._log_at:
            self._log_at = self._clock() + LOG_SECONDS
            host, port = line.address
            _log.warning("the candidate gave no answer", extra={"address": f"{host}:{port}", "reason": str(error)})
