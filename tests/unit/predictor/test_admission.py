"""A predictor serves the bundle that was asked for, and no other."""

from pathlib import Path

import pytest

from tests.unit.predictor.cards import card
from weld_api.predictor_settings import PredictorSettings
from weld_bundle.card_file import write_card
from weld_bundle.errors import BundleError
from weld_bundle.manifest import CARD, ESTIMATOR, MANIFEST, Manifest, sha256
from weld_predictor.admission import admit


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle whose bytes are sound; its estimator is none."""
    contents = {CARD: write_card(card()), ESTIMATOR: b"not an estimator"}
    for name, content in {**contents, MANIFEST: Manifest.of(contents).to_bytes()}.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def settings(folder: Path, **changes: str) -> PredictorSettings:
    asked = {
        "model_name": "north-line",
        "digest": sha256((folder / MANIFEST).read_bytes()),
        "version": "1.0.0",
        "asset_kind": "PipelineWeld",
        "site": "north",
        "bundle": str(folder),
    }
    return PredictorSettings.model_validate({**asked, **changes})


def test_the_bundle_that_was_asked_for_is_admitted(bundle: Path) -> None:
    assert admit(settings(bundle)) == card()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"digest": "0" * 64}, "wrong digest"),
        ({"version": "1.0.1"}, "the bundle's card states version 1.0.0, but 1.0.1 was asked for"),
        ({"asset_kind": "Silo"}, "the bundle's card states asset kind PipelineWeld, but Silo was asked for"),
        ({"bundle": "/no/such/folder"}, "/no/such/folder"),
    ],
)
def test_another_bundle_is_refused(bundle: Path, changes: dict[str, str], sentence: str) -> None:
    with pytest.raises(BundleError, match=sentence):
        admit(settings(bundle, **changes))
