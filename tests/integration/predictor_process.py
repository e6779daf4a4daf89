"""Real predictors as processes, and the small bundles that they serve."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import sklearn
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from tests.unit.predictor.ascans import ascans
from tests.unit.predictor.cards import weld_card
from weld_api.card import BundleCard, Evaluation, ModelInput
from weld_bundle.packing import pack
from weld_simulator.features import CONTEXT, extract

START_SECONDS = 120
END_SECONDS = 60
POLL_SECONDS = 0.02


@dataclass(frozen=True)
class PackedBundle:
    """A bundle on disk, and the estimator that went into it."""

    folder: Path
    digest: str
    estimator: Any
    features: int


def one_thread() -> AbstractContextManager[object]:
    """Keeps scikit-learn from spinning on cores that other processes need."""
    limits: AbstractContextManager[object] = threadpool_limits(1, user_api="openmp")
    return limits


def pack_bundle(folder: Path, features: int, trained_on: int = 2000) -> PackedBundle:
    """A bundle of a gradient boosting of 100 trees on `features` inputs from -1 to 1; version 1.0.0, PipelineWeld."""
    source = np.random.default_rng(features)
    rows = source.uniform(-1, 1, (trained_on, features)).astype(np.float32)
    labels = (rows[:, 0] + rows[:, 1] * rows[:, 2] > 0.3).astype(np.int64)
    with one_thread():
        estimator = HistGradientBoostingClassifier(max_iter=100, early_stopping=False, random_state=0)
        estimator.fit(rows, labels)
    card = BundleCard(
        name="weld-flaws",
        version="1.0.0",
        asset_kind="PipelineWeld",
        created=datetime(2026, 1, 1, tzinfo=UTC),
        estimator="sklearn.ensemble.HistGradientBoostingClassifier",
        inputs=tuple(ModelInput(name=f"echo_{index}", unit="1", minimum=-1, maximum=1) for index in range(features)),
        decision_threshold=0.5,
        evaluation=Evaluation(dataset="none", readings=1, precision=1, recall=1),
        libraries={"scikit-learn": sklearn.__version__},
    )
    return PackedBundle(folder, pack(estimator, card, folder), estimator, features)


def pack_weld_bundle(folder: Path, *, context: bool = True, version: str = "1.0.0") -> PackedBundle:
    """A bundle of a gradient boosting on waveforms' features, with pressure and temperature, which may be missing.

    Without `context` it only hears.
    """
    source = np.random.default_rng(0)
    measured = extract(ascans(600))
    plant = source.uniform(0, 10, (len(measured), len(CONTEXT))).astype(np.float32)
    plant[:30] = np.nan
    rows = np.hstack([measured, plant]) if context else measured
    labels = (measured[:, 2] > np.median(measured[:, 2])).astype(np.int64) ^ (plant[:, 0] > 8)
    with one_thread():
        estimator = HistGradientBoostingClassifier(max_iter=40, random_state=0).fit(rows, labels)
    card = weld_card(context=context, flags={"missing_context": "Reserve"}).model_copy(
        update={
            "version": version,
            "estimator": "sklearn.ensemble.HistGradientBoostingClassifier",
            "libraries": {"scikit-learn": sklearn.__version__},
        }
    )
    return PackedBundle(folder, pack(estimator, card, folder), estimator, measured.shape[1])


class PredictorProcess:
    """One predictor on a free port of 127.0.0.1, every warning an error."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path, termination_log: Path) -> None:
        self._process = process
        self._log = log
        self.termination_log = termination_log

    @classmethod
    async def start(
        cls, folder: Path, bundle: PackedBundle, module: str = "weld_predictor", /, **settings: object
    ) -> PredictorProcess:
        """Start it with its log in `folder`, which exists; of `settings`, `max_delay="1s"` becomes `--max-delay=1s`."""
        termination_log = folder / "termination-log"
        arguments = {
            "bundle": bundle.folder,
            "digest": bundle.digest,
            "model_name": "north-line",
            "version": "1.0.0",
            "asset_kind": "PipelineWeld",
            "site": "north",
            "listen_address": "127.0.0.1",
            "http_port": 0,
            "termination_log": termination_log,
            **settings,
        }
        command = [sys.executable, "-W", "error", "-m", module]
        command += [f"--{name.replace('_', '-')}={value}" for name, value in arguments.items()]
        log = folder / "log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL, stderr=output)
        return cls(process, log, termination_log)

    def log_lines(self) -> list[dict[str, Any]]:
        """The lines that are complete; each must be JSON."""
        *complete, _ = self._log.read_text().split("\n")
        return [json.loads(line) for line in complete]

    async def logged(self, message: str) -> dict[str, Any]:
        """The first log line with this message, waited for."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            for line in self.log_lines():
                if line["message"] == message:
                    return line
            if self._process.returncode is not None:
                break
            await asyncio.sleep(POLL_SECONDS)
        raise AssertionError(f"{message!r} was never logged; the log is:\n{self._log.read_text()}")

    async def address(self) -> str:
        """`http://127.0.0.1:port`, once it listens."""
        line = await self.logged("listening")
        return f"http://{line['address']}:{line['port']}"

    async def grpc_address(self) -> str:
        """`127.0.0.1:port`, once it listens; it must have been started with a `grpc_port`."""
        line = await self.logged("listening")
        return f"{line['address']}:{line['grpc_port']}"

    @property
    def pid(self) -> int:
        return self._process.pid

    def interrupt(self) -> None:
        """SIGTERM."""
        self._process.send_signal(signal.SIGTERM)

    async def exit_code(self) -> int:
        """The exit code, waited for."""
        async with asyncio.timeout(END_SECONDS):
            return await self._process.wait()

    async def end(self) -> None:
        """End it if it has not ended, whatever it is at."""
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


@asynccontextmanager
async def predictor(
    folder: Path, bundle: PackedBundle, module: str = "weld_predictor", /, **settings: object
) -> AsyncIterator[PredictorProcess]:
    """A predictor process that ends with the block."""
    process = await PredictorProcess.start(folder, bundle, module, **settings)
    try:
        yield process
    finally:
        await process.end()


@asynccontextmanager
async def ready_client(folder: Path, bundle: PackedBundle, **settings: object) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a predictor that is ready."""
    async with predictor(folder, bundle, **settings) as process:
        await process.logged("ready")
        async with httpx.AsyncClient(base_url=await process.address(), timeout=START_SECONDS) as client:
            yield client
