"""The native scorer serves where it answers as scikit-learn does, and nowhere else."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from tests.unit.bundle.samples import boosted, card_for, sample_bundle
from tests.unit.predictor.scoring.estimators import INPUTS, KINDS, NATIVE, estimator, labels, readings
from weld_api.card import BundleCard, InputProfile, ModelInput, TrainingProfile
from weld_api.predictor_settings import PredictorSettings
from weld_predictor.scoring import native
from weld_predictor.scoring.choice import choose_scorer, load_scorer
from weld_predictor.scoring.layout import make_kernel
from weld_predictor.scoring.reference import ReferenceScorer
from weld_predictor.scoring.scorer import Features, Risks
from weld_predictor.scoring.verification import TOLERANCE, compare, verification_readings


def card(fitted: Any, **changes: Any) -> BundleCard:
    return card_for(fitted, inputs=INPUTS).model_copy(update=changes)


def shifted(score: Any, by: float, rows: slice) -> Any:
    """A kernel's score that is wrong in some rows."""

    def shift(readings: NDArray[Any], risks: NDArray[np.float64]) -> bool:
        taken = bool(score(readings, risks))
        risks[rows] += by
        return taken

    return shift


@pytest.fixture
def wrong_kernel(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Has every kernel's risks shifted."""

    def install(by: float, rows: slice = slice(None)) -> None:
        class Wrong:
            def __init__(self, *arguments: Any) -> None:
                self.score = shifted(make_kernel(*arguments).score, by, rows)

        monkeypatch.setattr(native, "make_kernel", Wrong)

    return install


@pytest.mark.parametrize("kind", KINDS)
def test_the_native_scorer_is_chosen_for_what_has_a_native_form(kind: str) -> None:
    fitted = estimator(kind)
    scorer = choose_scorer(fitted, card(fitted))
    if kind in NATIVE:
        assert scorer.name == "native"
        assert re.fullmatch(r"as scikit-learn within 1e-06 on \d{4} readings", scorer.reason)
    else:
        assert (scorer.name, scorer.reason) == ("scikit-learn", "CalibratedClassifierCV has no native form")


@pytest.mark.parametrize("by", [1e-3, 2 * TOLERANCE, np.nan])
def test_a_scorer_that_answers_otherwise_is_not_trusted(wrong_kernel: Any, by: float) -> None:
    wrong_kernel(by)
    fitted = estimator("histogram boosting")
    scorer = choose_scorer(fitted, card(fitted))
    assert scorer.name == "scikit-learn"
    assert scorer.reason.startswith("native scorer differs by up to ")
    features = readings(50, seed=1)
    np.testing.assert_array_equal(scorer.risk(features), fitted.predict_proba(features)[:, 1])


def test_a_single_wrong_answer_in_a_batch_is_enough(wrong_kernel: Any) -> None:
    wrong_kernel(1e-3, slice(100, 101))
    fitted = estimator("histogram boosting")
    reason = choose_scorer(fitted, card(fitted)).reason
    assert reason.startswith("native scorer differs by up to 0.001 on 4 of 4")


def test_differences_within_the_tolerance_are_none(wrong_kernel: Any) -> None:
    wrong_kernel(0.9 * TOLERANCE)
    fitted = estimator("histogram boosting")
    assert choose_scorer(fitted, card(fitted)).name == "native"


def test_without_the_compiled_module_scikit_learn_scores_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "compiled", None)
    fitted = estimator("forest")
    scorer = choose_scorer(fitted, card(fitted))
    assert (scorer.name, scorer.reason) == ("scikit-learn", "native scorer not built")
    with pytest.raises(native.NotBuiltError):
        native.NativeScorer(fitted)


def test_malformed_trees_are_left_to_scikit_learn() -> None:
    values = readings(200, seed=1)
    fitted = HistGradientBoostingClassifier(max_iter=2).fit(values, labels(values, categories=False))
    # A leaf, which scikit-learn never leaves: harmless there, and yet no tree.
    nodes = fitted._predictors[0][0].nodes
    nodes["is_leaf"][0] = 1
    scorer = choose_scorer(fitted, card(fitted))
    assert (scorer.name, scorer.reason) == (
        "scikit-learn",
        "native scorer refused: a node has several parents, or none",
    )


def test_a_bundles_scorer_is_chosen_and_a_fall_back_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = sample_bundle(tmp_path / "bundle", boosted())
    settings = PredictorSettings(
        model_name="m", digest=digest, version="1.0.0", asset_kind="PipelineWeld", site="s", bundle=tmp_path / "bundle"
    )
    with caplog.at_level(logging.INFO):
        assert load_scorer(settings).name == "native"
        assert caplog.records == []
        monkeypatch.setattr(native, "compiled", None)
        assert load_scorer(settings).name == "scikit-learn"
    [record] = caplog.records
    assert (record.levelname, record.getMessage()) == ("WARNING", "not scored natively")
    assert (record.__dict__["scorer"], record.__dict__["reason"]) == ("scikit-learn", "native scorer not built")


def test_two_threads_answer_as_one() -> None:
    fitted = estimator("histogram boosting with missing values")
    features = readings(5_001, seed=3, missing=0.1)
    one, two, three = (native.NativeScorer(fitted, threads=threads) for threads in (1, 2, 3))
    np.testing.assert_array_equal(one.risk(features), two.risk(features))
    np.testing.assert_array_equal(one.risk(features), three.risk(features))
    with pytest.raises(ValueError, match="at least one thread"):
        native.NativeScorer(fitted, threads=0)


def test_a_refusal_in_one_threads_part_is_a_refusal() -> None:
    scorer = native.NativeScorer(estimator("logistic regression"), threads=2)
    for row in (0, 4_999):
        features = readings(5_000, seed=3)
        features[row, 0] = np.nan
        with pytest.raises(ValueError, match="contains NaN"):
            scorer.risk(features)


def test_the_verification_readings_hold_what_may_differ() -> None:
    fitted = estimator("histogram boosting")
    inputs = tuple(
        ModelInput(name=f"x{i}", unit="1", minimum=-2, maximum=3, source="Context" if i > 3 else "AScan")
        for i in range(INPUTS)
    )
    thresholds = [np.array([0.1, 0.7])] * INPUTS
    batches = verification_readings(card(fitted, inputs=inputs), thresholds)
    assert set(batches) == {"usual", "edges", "thresholds", "missing", "without context"}
    assert all(batch.dtype == np.float32 and batch.shape[1] == INPUTS for batch in batches.values())
    for column in range(INPUTS):
        edges = batches["edges"][:, column]
        assert {-2.0, 3.0, 0.0} <= set(edges.tolist())
        assert (edges < -2).any()
        assert (edges > 3).any()
        assert len(np.unique(batches["thresholds"][:, column])) == 3 * 2
    assert np.isnan(batches["missing"]).any(axis=0).all()
    assert np.isnan(batches["without context"]).all(axis=0).tolist() == [False] * 4 + [True] * 2
    assert np.isfinite(batches["usual"]).all()
    again = verification_readings(card(fitted, inputs=inputs), thresholds)
    for name, batch in batches.items():
        np.testing.assert_array_equal(batch, again[name])


def test_the_verification_readings_follow_the_training_profile() -> None:
    names = [f"x{i}" for i in range(INPUTS)]
    profile = TrainingProfile(
        readings=10,
        probabilities=(0.1, 0.9),
        inputs=tuple(InputProfile(name=name, edges=(0, 1), counts=(10,), quantiles=(0.25, 0.26)) for name in names),
        correlation=((0.0,) * INPUTS,) * INPUTS,
    )
    usual = verification_readings(card(estimator("forest"), profile=profile))["usual"]
    within = ((usual >= 0.25) & (usual <= np.float32(0.26))).mean(axis=0)
    assert (within > 0.4).all()
    assert (within < 0.6).all()


def test_ranges_beyond_float32_are_verified_all_the_same() -> None:
    fitted = estimator("histogram boosting")
    inputs = tuple(ModelInput(name=f"x{i}", unit="1", minimum=-1e308, maximum=1e308) for i in range(INPUTS))
    assert choose_scorer(fitted, card(fitted, inputs=inputs)).name == "native"


def test_a_thousand_inputs_are_verified_on_a_bounded_number_of_readings() -> None:
    inputs = tuple(ModelInput(name=f"x{i}", unit="1", minimum=0, maximum=1) for i in range(1024))
    batches = verification_readings(card_for(estimator("forest")).model_copy(update={"inputs": inputs}))
    assert sum(map(len, batches.values())) < 10_000


class Fixed:
    """Answers with what it is given, or refuses."""

    name = "fixed"
    reason = "a test"

    def __init__(self, answer: list[float] | None) -> None:
        self._answer = answer

    def risk(self, features: Features) -> Risks:
        if self._answer is None:
            raise ValueError("refused")
        return np.array(self._answer[: len(features)])


@pytest.mark.parametrize(
    ("one", "other", "differing", "largest"),
    [
        ([0.1, 0.2], [0.1, 0.2], 0, 0.0),
        ([0.1, 0.2], [0.1, 0.3], 1, 0.1),
        ([np.nan, 0.2], [np.nan, 0.2], 0, 0.0),
        ([np.nan, 0.2], [0.1, 0.2], 1, np.inf),
        ([0.1, 0.2], [0.1, np.nan], 1, np.inf),
        (None, None, 0, 0.0),
        (None, [0.1, 0.2], 2, np.inf),
        ([0.1, 0.2], None, 2, np.inf),
    ],
)
def test_answers_and_refusals_are_compared(
    one: list[float] | None, other: list[float] | None, differing: int, largest: float
) -> None:
    found = compare(Fixed(one), Fixed(other), {"any": np.zeros((2, 1), np.float32)})
    assert (found.readings, found.differing) == (2, differing)
    assert found.largest == pytest.approx(largest)
    assert found.are_equal == (differing == 0)


def test_a_linear_estimator_far_out_of_range_is_the_same_by_both() -> None:
    values = readings(200, seed=1)
    fitted = LogisticRegression().fit(values.astype(np.float64), labels(values, categories=False))
    far = np.full((3, INPUTS), 3e38, np.float32)
    np.testing.assert_array_equal(native.NativeScorer(fitted).risk(far), ReferenceScorer(fitted).risk(far))
