"""A bad bundle is named in the WeldModel's condition, and the old version keeps answering."""

import hashlib
import json
import pickle
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.neighbors import KNeighborsClassifier

from tests.sandbox.kube_api import Object
from tests.sandbox.rig import Rig, is_true
from tests.sandbox.sensor_stream import Readings, SensorStream
from tests.sandbox.waiting import wait_for
from tests.sandbox.weld_models import INFERENCE_SERVICES, AppliedWeldModel, bundle_folder
from weld_simulator.features import FEATURES

Trained = dict[str, tuple[Path, str]]

NAMED_WITHIN_SECONDS = 120


@pytest.fixture(scope="module")
async def model(rig: Rig, trained: Trained) -> AsyncIterator[AppliedWeldModel]:
    model = AppliedWeldModel(rig, "plant-a", "wary")
    await model.apply("1.0.0", trained["1.0.0"][1])
    await model.until_stable("1.0.0")
    yield model
    await model.delete()


def _alter_a_byte(folder: Path) -> None:
    estimator = folder / "estimator.skops"
    content = bytearray(estimator.read_bytes())
    content[len(content) // 2] ^= 1
    estimator.write_bytes(content)


def _add_a_pickle(folder: Path) -> None:
    (folder / "estimator.pkl").write_bytes(pickle.dumps({"weights": [1, 2, 3]}))


def _put_a_pickle_in_its_place(folder: Path) -> None:
    (folder / "estimator.skops").write_bytes(pickle.dumps({"weights": [1, 2, 3]}))
    _sign_again(folder)


def _put_another_type_in_its_place(folder: Path) -> None:
    """A fitted estimator of scikit-learn's that is off the allow-list."""
    points = np.random.default_rng(1).normal(size=(20, len(FEATURES)))
    estimator = KNeighborsClassifier(3).fit(points, np.arange(20) % 2)
    skops.io.dump(estimator, folder / "estimator.skops")
    _sign_again(folder)


def _sign_again(folder: Path) -> None:
    """Make the manifest fit the files, as an insider could."""
    manifest: Object = json.loads((folder / "manifest.json").read_text())
    for name, entry in manifest["files"].items():
        content = (folder / name).read_bytes()
        entry |= {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n")


BAD: dict[str, tuple[Callable[[Path], None] | None, dict[str, str], str]] = {
    "altered byte": (_alter_a_byte, {}, "estimator.skops"),
    "surplus pickle": (_add_a_pickle, {}, "estimator.pkl"),
    "pickle inside": (_put_a_pickle_in_its_place, {}, "pickle"),
    "unknown type": (_put_another_type_in_its_place, {}, "KNeighborsClassifier"),
    "wrong digest": (None, {"sha256": "ab" * 32}, "digest"),
    "missing folder": (None, {"uri": "pvc://bundles/nowhere"}, "nowhere"),
    "missing claim": (None, {"uri": "pvc://no-such-claim/weld"}, "no-such-claim"),
    "unreachable store": (None, {"uri": "https://127.0.0.1:9/weld.tar.gz"}, "127.0.0.1:9"),
}


@pytest.mark.parametrize(("spoil", "overrides", "words"), BAD.values(), ids=BAD.keys())
async def test_a_bad_bundle_is_named_and_the_old_version_keeps_answering(
    rig: Rig,
    model: AppliedWeldModel,
    trained: Trained,
    readings: Readings,
    spoil: Callable[[Path], None] | None,
    overrides: dict[str, str],
    words: str,
) -> None:
    source, digest = trained["1.1.0"]
    folder = bundle_folder(rig.bundles, "bad")
    shutil.copytree(source, folder)
    try:
        if spoil is not None:
            spoil(folder)
            digest = hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
        await model.apply("1.1.0", **{"digest": digest, "uri": "pvc://bundles/weld-bad", **overrides})
        condition = await wait_for(
            lambda: model.condition("Progressing"),
            lambda entry: words in entry.get("message", ""),
            seconds=NAMED_WITHIN_SECONDS,
            what=f"condition that says {words!r}",
        )
        assert condition["status"] == "False"
        body = await model.body()
        assert is_true(body, "Serving")
        assert body["status"]["stable"]["version"] == "1.0.0"
        stream = SensorStream(rig.endpoint("plant-a", model.name), readings, gateways=5)
        tally = await stream.run(requests_each=2)
        assert tally.answered == tally.sent
        assert set(tally.by_version) == {"1.0.0"}
    finally:
        shutil.rmtree(folder)
        await model.apply("1.0.0", trained["1.0.0"][1])
        await model.until_stable("1.0.0", alone=True)
    await wait_for(
        lambda: model.owned(INFERENCE_SERVICES),
        lambda found: len(found) == 1,
        seconds=30,
        what="end of the bad revision's InferenceService",
    )
