"""Packing writes a whole bundle or nothing, and the same one for the same estimator and card."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED

import numpy as np
import pytest
import skops.io
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from tests.unit.bundle.samples import boosted, card_for, examples, fitted, linear
from weld_bundle.errors import BundleError
from weld_bundle.loading import load
from weld_bundle.manifest import CARD, ESTIMATOR, MANIFEST, sha256
from weld_bundle.packing import pack, pack_archive

ESTIMATORS: dict[str, Callable[[], Any]] = {
    "histogram gradient boosting": boosted,
    "histogram gradient boosting with constraints": lambda: fitted(
        HistGradientBoostingClassifier(
            max_iter=3,
            monotonic_cst=[1, 0, 0, 0],
            interaction_cst=[[0, 1], [2, 3]],
            class_weight={0: 1, 1: 5},
            random_state=np.random.RandomState(0),
        )
    ),
    "random forest": lambda: fitted(RandomForestClassifier(n_estimators=3, random_state=0)),
    "gradient boosting": lambda: fitted(GradientBoostingClassifier(n_estimators=3, random_state=0)),
    "exponential gradient boosting": lambda: fitted(
        GradientBoostingClassifier(n_estimators=3, loss="exponential", random_state=0)
    ),
    "logistic regression": lambda: fitted(LogisticRegression()),
    "pipeline": linear,
    "sigmoid calibration": lambda: fitted(CalibratedClassifierCV(clone(boosted()), cv=2)),
    "isotonic calibration": lambda: fitted(CalibratedClassifierCV(FrozenEstimator(boosted()), method="isotonic")),
}


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_each_allowed_estimator_comes_back_and_scores_the_same(kind: str, tmp_path: Path) -> None:
    estimator = ESTIMATORS[kind]()
    digest = pack(estimator, card_for(estimator), tmp_path / "bundle")
    features, _ = examples()
    loaded = load(tmp_path / "bundle", digest).estimator
    np.testing.assert_array_equal(loaded.predict_proba(features), estimator.predict_proba(features))


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_the_same_estimator_and_card_give_the_same_digest(kind: str, tmp_path: Path) -> None:
    estimator = ESTIMATORS[kind]()
    first = pack(estimator, card_for(estimator), tmp_path / "first")
    loaded = load(tmp_path / "first", first).estimator
    assert pack(estimator, card_for(estimator), tmp_path / "second") == first
    assert pack(loaded, card_for(estimator), tmp_path / "third") == first


def test_the_digest_is_the_sha256_of_the_manifest(tmp_path: Path) -> None:
    digest = pack(boosted(), card_for(boosted()), tmp_path / "bundle")
    assert digest == sha256((tmp_path / "bundle" / MANIFEST).read_bytes())
    assert sorted(path.name for path in (tmp_path / "bundle").iterdir()) == [CARD, ESTIMATOR, MANIFEST]


def test_another_card_gives_another_digest(tmp_path: Path) -> None:
    first = pack(boosted(), card_for(boosted()), tmp_path / "first")
    assert pack(boosted(), card_for(boosted(), version="1.0.1"), tmp_path / "second") != first


def test_a_compressed_archive_gives_the_same_digest(tmp_path: Path) -> None:
    archive = io.BytesIO()
    skops.io.dump(boosted(), archive, compression=ZIP_DEFLATED, compresslevel=9)
    digest = pack_archive(archive.getvalue(), card_for(boosted()), tmp_path / "first")
    assert digest == pack(boosted(), card_for(boosted()), tmp_path / "second")


def test_an_empty_folder_is_filled_and_parents_are_made(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert pack(boosted(), card_for(boosted()), tmp_path / "empty") == pack(
        boosted(), card_for(boosted()), tmp_path / "new" / "1.0.0"
    )


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch])
def test_what_is_there_already_is_left_alone(make: Callable[[Path], object], tmp_path: Path) -> None:
    target = tmp_path / "target"
    make(target)
    if target.is_dir():
        (target / "kept").touch()
    with pytest.raises(BundleError, match="is there already"):
        pack(boosted(), card_for(boosted()), target)
    assert target.is_file() or [path.name for path in target.iterdir()] == ["kept"]


REFUSED: dict[str, tuple[Callable[[], tuple[Any, Any]], str]] = {
    "a type off the list": (lambda: (fitted(SVC()), card_for(fitted(SVC()))), "SVC, which is not on the list"),
    "an estimator that is not fitted": (lambda: (LogisticRegression(), card_for(LogisticRegression())), "takes None"),
    "something that cannot be stored": (lambda: (io.BytesIO(), card_for(boosted())), "cannot be stored"),
    "a card that does not fit": (lambda: (boosted(), card_for(boosted(), inputs=5)), "5 inputs, but the estimator"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refused_bundle_leaves_nothing_behind(case: str, tmp_path: Path) -> None:
    make, sentence = REFUSED[case]
    estimator, card = make()
    with pytest.raises(BundleError, match=sentence):
        pack(estimator, card, tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BundleError, match="cannot be written"):
        pack(boosted(), card_for(boosted()), tmp_path / "file" / "bundle")
