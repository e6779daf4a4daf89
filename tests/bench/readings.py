"""What is scored: bundles made for the bench, and readings with the risks that the estimator itself gives them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.bench.wire import Tensors
from tests.integration.predictor_process import PackedBundle, one_thread, pack_bundle, pack_weld_bundle
from tests.unit.predictor.ascans import ascans
from weld_simulator.features import extract

FEATURES = 24
ROWS = 20_000
"""That the estimator is trained on, so that each of its 100 trees has all its leaves."""

Requests = list[tuple[Tensors, NDArray[np.float32]]]
"""Inputs with their risks, [N] in each."""


def feature_bundle(folder: Path) -> PackedBundle:
    """100 trees on 24 features."""
    return pack_bundle(folder, FEATURES, ROWS)


def other_feature_bundle(folder: Path) -> PackedBundle:
    """The same, trained on half of the readings: it decides otherwise of some."""
    return pack_bundle(folder, FEATURES, ROWS // 2)


def waveform_bundle(folder: Path) -> PackedBundle:
    """40 trees on the features of waveforms."""
    return pack_weld_bundle(folder)


def feature_requests(bundle: PackedBundle, count: int, size: int) -> Requests:
    """`count` different requests of `size` readings."""
    source = np.random.default_rng(size)
    requests: Requests = []
    for _ in range(count):
        features = source.uniform(-1, 1, (size, FEATURES)).astype(np.float32)
        requests.append(({"features": features}, risk_of(bundle, features)))
    return requests


def waveform_requests(bundle: PackedBundle, count: int, size: int) -> Requests:
    """The same of waveforms, [N, 512] int16, with pressure and temperature."""
    requests: Requests = []
    for number in range(count):
        context = np.random.default_rng(number).uniform(0, 10, (2, size)).astype(np.float32)
        waves = ascans(size, seed=number)
        risk = risk_of(bundle, np.hstack([extract(waves), context.T]))
        requests.append(({"ascans": waves, "pressure": context[0], "temperature": context[1]}, risk))
    return requests


def risk_of(bundle: PackedBundle, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """What scikit-learn says, [N]."""
    with one_thread():
        risk: NDArray[np.float32] = bundle.estimator.predict_proba(rows)[:, 1].astype(np.float32)
    return risk
