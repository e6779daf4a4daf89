"""BentoML with adaptive batching."""

from __future__ import annotations

import os

import bentoml
import numpy as np
from numpy.typing import NDArray

from tests.bench.peers.estimator import load_estimator


@bentoml.service(name="bench", traffic={"timeout": 60, "max_concurrency": 1000}, workers=1)
class Bench:
    """Risk of `features` [N, F]."""

    def __init__(self) -> None:
        self._estimator = load_estimator(os.environ["BENCH_BUNDLE"])

    @bentoml.api(batchable=True, max_batch_size=10_000, max_latency_ms=10_000)  # type: ignore[untyped-decorator]
    def infer(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        risk: NDArray[np.float32] = self._estimator.predict_proba(features)[:, 1].astype(np.float32)
        return risk
