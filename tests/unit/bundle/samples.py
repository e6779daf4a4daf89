"""Small estimators, cards and bundles, and ways to write bundles that `pack` would not write."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
import skops.io
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from weld_api.card import BundleCard, Evaluation, ModelInput
from weld_bundle.archive import Archive, canonical, parse
from weld_bundle.arrays import without_padding
from weld_bundle.card_file import write_card
from weld_bundle.fit import public_name
from weld_bundle.manifest import CARD, ESTIMATOR, MANIFEST, Manifest, sha256

INPUTS = 4


@cache
def examples() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Features `[400, 4]` and labels `[400]` that a tree can learn."""
    features = np.random.default_rng(1).normal(size=(400, INPUTS)).astype(np.float32)
    return features, (features[:, 0] + features[:, 1] * features[:, 2] > 0.5).astype(np.int64)


def fitted(estimator: Any) -> Any:
    # These are too small to share among threads.
    with threadpool_limits(1):
        return estimator.fit(*examples())


@cache
def boosted() -> Any:
    return fitted(HistGradientBoostingClassifier(max_iter=3, max_leaf_nodes=4, random_state=0))


@cache
def forest() -> Any:
    return fitted(RandomForestClassifier(n_estimators=2, max_depth=3, random_state=0))


@cache
def linear() -> Any:
    return fitted(make_pipeline(StandardScaler(), LogisticRegression()))


def card_for(estimator: Any, /, inputs: int = INPUTS, **changes: Any) -> BundleCard:
    """A card that fits this estimator, but for the changes."""
    fields: dict[str, Any] = {
        "name": "sample",
        "version": "1.0.0",
        "asset_kind": "PipelineWeld",
        "estimator": public_name(f"{type(estimator).__module__}.{type(estimator).__qualname__}"),
        "inputs": tuple(ModelInput(name=f"x{i}", unit="1", minimum=-5, maximum=5) for i in range(inputs)),
        "decision_threshold": 0.5,
        "evaluation": Evaluation(dataset="made up", readings=400, precision=0.9, recall=0.8),
        "libraries": {"scikit-learn": sklearn.__version__},
    }
    return BundleCard(**{**fields, **changes})


@cache
def stored(estimator: Any) -> bytes:
    """The estimator's archive in the form that a bundle holds."""
    return canonical(without_padding(parse(skops.io.dumps(estimator))))


def write_bundle(folder: Path, card: bytes, estimator: bytes) -> str:
    """Write a bundle of whatever contents, its manifest true to them, and return its digest."""
    folder.mkdir(parents=True, exist_ok=True)
    contents = {CARD: card, ESTIMATOR: estimator}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    manifest = Manifest.of(contents).to_bytes()
    (folder / MANIFEST).write_bytes(manifest)
    return sha256(manifest)


def sample_bundle(folder: Path, estimator: Any | None = None) -> str:
    """A sound bundle; its digest."""
    estimator = boosted() if estimator is None else estimator
    return write_bundle(folder, write_card(card_for(estimator)), stored(estimator))


def altered(estimator: Any, change: Callable[[Archive], None]) -> bytes:
    """The estimator's archive after a change to its schema or its arrays, sound or not."""
    archive = parse(stored(estimator))
    change(archive)
    return zipped({"schema.json": json.dumps(archive.schema).encode(), **archive.arrays})


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()
