"""Workers outlive whatever goes wrong, and say what it was with the WeldModel's key."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import timedelta

import pytest

from weld_operator.adapters.clock import SystemClock
from weld_operator.adapters.cluster import ConflictError, RefusedError, UnreachableError
from weld_operator.kinds import Key
from weld_operator.logs import json_formatter, with_key
from weld_operator.metrics import Metrics
from weld_operator.workers import Workers, next_look

KEY = Key("plant-a", "north-line")


class Reconciles:
    """Answers each reconciliation with the next of the given answers, and then for ever with the last.

    `enough` is set after so many reconciliations as there are answers.
    """

    def __init__(self, *answers: Exception | timedelta | None) -> None:
        self.answers = list(answers)
        self.wanted = len(answers)
        self.keys: list[Key] = []
        self.enough = asyncio.Event()

    async def reconcile(self, key: Key) -> timedelta | None:
        self.keys.append(key)
        if len(self.keys) == self.wanted:
            self.enough.set()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


async def _work(workers: Workers, reconciler: Reconciles) -> None:
    """Work until there were as many reconciliations as answers."""
    task = asyncio.create_task(workers.work())
    async with asyncio.timeout(20):
        await reconciler.enough.wait()
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})


def _workers(reconciler: Reconciles, metrics: Metrics) -> Workers:
    return Workers(reconciler, SystemClock(), metrics, resync=timedelta(minutes=10))


@pytest.mark.parametrize("trouble", [UnreachableError("refused"), ConflictError("changed")])
async def test_a_cluster_that_does_not_answer_is_asked_again_soon(trouble: Exception) -> None:
    metrics = Metrics()
    reconciler = Reconciles(trouble, trouble, timedelta.max)
    workers = _workers(reconciler, metrics)
    workers.notice(KEY)
    await _work(workers, reconciler)
    assert set(reconciler.keys) == {KEY}
    text = metrics.exposition().decode()
    assert 'weldserve_operator_reconciliations_total{result="retry"} 2.0' in text


async def test_a_fault_in_one_reconciliation_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    metrics = Metrics()
    reconciler = Reconciles(KeyError("a fault"), RefusedError("forbidden"), timedelta.max)
    workers = _workers(reconciler, metrics)
    workers.notice(KEY)
    workers.notice(Key("plant-a", "second"))
    workers.notice(Key("plant-a", "third"))
    await _work(workers, reconciler)
    assert "the operator has a fault" in caplog.text
    assert 'result="error"} 2.0' in metrics.exposition().decode()


async def test_a_weld_model_is_looked_at_again_when_it_asked_for_it() -> None:
    reconciler = Reconciles(timedelta(seconds=0.01), timedelta.max)
    workers = _workers(reconciler, Metrics())
    workers.notice(KEY)
    await _work(workers, reconciler)


@pytest.mark.parametrize(
    ("wanted", "chance", "seconds"),
    [
        (timedelta.max, 0.0, 300),
        (timedelta.max, 0.5, 450),
        (timedelta.max, 0.99, 597),
        (timedelta(seconds=5), 0.0, 5),
        (timedelta(seconds=400), 0.99, 400),
    ],
)
def test_what_was_looked_at_at_once_is_not_looked_at_again_at_once(
    wanted: timedelta, chance: float, seconds: float
) -> None:
    assert next_look(wanted, timedelta(minutes=10), chance) == timedelta(seconds=seconds)


async def test_a_weld_model_that_is_gone_is_not_looked_at_again() -> None:
    reconciler = Reconciles(None)
    workers = _workers(reconciler, Metrics())
    workers.notice(KEY)
    await _work(workers, reconciler)
    assert len(workers) == 0


def test_a_log_line_is_json_with_the_weld_model_s_key() -> None:
    handler = logging.Handler()
    handler.setFormatter(json_formatter())
    record = logging.LogRecord("weld_operator", logging.INFO, "x.py", 1, "Made %s", ("HTTPRoute",), None)
    with with_key.about(KEY):
        assert with_key.filter(record)
    line = json.loads(handler.format(record))
    assert line["message"] == "Made HTTPRoute"
    assert line["weldmodel"] == "plant-a/north-line"
    assert line["level"] == "INFO"
    assert line["time"]
    later = logging.LogRecord("weld_operator", logging.INFO, "x.py", 1, "Stopped", (), None)
    assert with_key.filter(later)
    assert "weldmodel" not in json.loads(handler.format(later))


def test_weld_models_are_counted_by_phase() -> None:
    metrics = Metrics()
    metrics.set_phase(KEY, "Pending")
    metrics.set_phase(Key("plant-a", "other"), "Serving")
    metrics.set_phase(KEY, "Serving")
    text = metrics.exposition().decode()
    assert 'weldserve_operator_weldmodels{phase="Serving"} 2.0' in text
    assert 'weldserve_operator_weldmodels{phase="Pending"} 0.0' in text
    metrics.set_phase(KEY, None)
    assert 'weldserve_operator_weldmodels{phase="Serving"} 1.0' in metrics.exposition().decode()
