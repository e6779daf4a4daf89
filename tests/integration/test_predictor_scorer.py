"""A real predictor says what scores: in its log, its metadata and its metrics."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier

from tests.integration.predictor_process import PackedBundle, one_thread, pack_weld_bundle, predictor
from tests.unit.bundle.samples import INPUTS, fitted, sample_bundle

MODEL = "/v2/models/north-line"
NATIVE = r"as scikit-learn within 1e-06 on \d+ readings"
WARNING = "not scored natively"


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> PackedBundle:
    """A bundle of an estimator that has no native form."""
    folder = tmp_path_factory.mktemp("bundles") / "calibrated"
    estimator = fitted(CalibratedClassifierCV(HistGradientBoostingClassifier(max_iter=3, random_state=0), cv=2))
    return PackedBundle(folder, sample_bundle(folder, estimator), estimator, INPUTS)


async def chosen(folder: Path, bundle: PackedBundle) -> tuple[str, str, list[str]]:
    """What scores, why, and the messages of the log, when log, metadata and metrics say the same."""
    async with predictor(folder, bundle) as process:
        ready = await process.logged("ready")
        said = (ready["scorer"], ready["scorer_reason"])
        async with httpx.AsyncClient(base_url=await process.address()) as client:
            properties = (await client.get(MODEL)).json()["properties"]
            metrics = (await client.get("/metrics")).text
        assert (properties["scorer"], properties["scorer_reason"]) == said
        [info] = re.findall(r"^weldserve_scorer_info{(.*)} 1.0$", metrics, re.MULTILINE)
        assert f'reason="{said[1]}"' in info
        assert f'scorer="{said[0]}"' in info
        return *said, [line["message"] for line in process.log_lines()]


async def test_a_boosting_is_scored_natively(tmp_path: Path) -> None:
    name, reason, messages = await chosen(tmp_path, pack_weld_bundle(tmp_path / "weld"))
    assert name == "native"
    assert re.fullmatch(NATIVE, reason)
    assert WARNING not in messages


async def test_what_has_no_native_form_is_scored_by_scikit_learn_which_is_said(
    tmp_path: Path, calibrated: PackedBundle
) -> None:
    name, reason, messages = await chosen(tmp_path, calibrated)
    assert (name, reason) == ("scikit-learn", "CalibratedClassifierCV has no native form")
    assert messages.count(WARNING) == 1


async def test_what_has_no_native_form_is_scored_as_the_estimator_scores_it(
    tmp_path: Path, calibrated: PackedBundle
) -> None:
    features = np.random.default_rng(0).uniform(-1, 1, (20, INPUTS)).astype(np.float32)
    instances = [{"features": row, "sensor_id": "s", "sampled_at": at} for at, row in enumerate(features.tolist())]
    async with predictor(tmp_path, calibrated) as process:
        await process.logged("ready")
        async with httpx.AsyncClient(base_url=await process.address()) as client:
            answer = await client.post("/v1/models/north-line:predict", json={"instances": instances})
    with one_thread():
        expected = calibrated.estimator.predict_proba(features)[:, 1].astype(np.float32)
    found = [prediction["risk"] for prediction in answer.json()["predictions"]]
    np.testing.assert_array_equal(np.array(found, np.float32), expected)
