"""A bundle is loaded as it was packed, or refused with one sentence that names what is at fault."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import clone

import weld_bundle.folder
from tests.unit.bundle.refused_estimators import REFUSED_ESTIMATORS
from tests.unit.bundle.samples import (
    altered,
    boosted,
    card_for,
    examples,
    forest,
    linear,
    sample_bundle,
    stored,
    write_bundle,
    zipped,
)
from weld_bundle.archive import Archive, canonical, parse
from weld_bundle.card_file import write_card
from weld_bundle.errors import BundleError
from weld_bundle.loading import load
from weld_bundle.manifest import CARD, ESTIMATOR, MANIFEST
from weld_bundle.nodes import Node, iterate, kind_of
from weld_bundle.verification import verify


def refusal(folder: Path, digest: str | None = None) -> str:
    with pytest.raises(BundleError) as refused:
        load(folder, digest)
    sentence = str(refused.value)
    assert "\n" not in sentence
    assert len(sentence) < 500
    return sentence


def test_a_loaded_estimator_scores_as_the_packed_one(tmp_path: Path) -> None:
    digest = sample_bundle(tmp_path / "bundle")
    bundle = load(tmp_path / "bundle", digest)
    features, _ = examples()
    np.testing.assert_array_equal(bundle.estimator.predict_proba(features), boosted().predict_proba(features))
    assert bundle.digest == digest
    assert bundle.card == card_for(boosted())


def test_a_bundle_may_be_mounted_by_a_link(tmp_path: Path) -> None:
    digest = sample_bundle(tmp_path / "bundle")
    (tmp_path / "models").symlink_to(tmp_path / "bundle")
    assert load(tmp_path / "models").digest == digest


def _replace(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(content)


def _edit(name: str, old: bytes, new: bytes) -> Callable[[Path], object]:
    def edit(folder: Path) -> None:
        content = (folder / name).read_bytes()
        assert old in content
        (folder / name).write_bytes(content.replace(old, new, 1))

    return edit


def _link(folder: Path) -> None:
    (folder / CARD).rename(folder.parent / CARD)
    (folder / CARD).symlink_to(folder.parent / CARD)


def _in_place_of_the_card(make: Callable[[Path], object]) -> Callable[[Path], object]:
    def replace(folder: Path) -> None:
        (folder / CARD).unlink()
        make(folder / CARD)

    return replace


TAMPERED_FOLDERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no folder": (shutil.rmtree, "does not exist"),
    "no manifest": (lambda folder: (folder / MANIFEST).unlink(), "manifest.json is missing"),
    "no card": (lambda folder: (folder / CARD).unlink(), "card.yaml is missing"),
    "no estimator": (lambda folder: (folder / ESTIMATOR).unlink(), "estimator.skops is missing"),
    "a surplus file": (_replace("README", b""), "README does not belong in a bundle"),
    "a hidden file": (_replace(".nfs0001", b""), ".nfs0001 does not belong in a bundle"),
    "a surplus folder": (lambda folder: (folder / "lost+found").mkdir(), "lost+found does not belong in a bundle"),
    "a surplus pickle": (_replace("model.PKL", b""), "model.PKL is a pickle by its name"),
    "a name of two lines": (_replace("a\nb", b""), r"'a\nb' does not belong in a bundle"),
    "a card that is a link": (_link, "card.yaml is a symbolic link"),
    "a card that is a folder": (_in_place_of_the_card(Path.mkdir), "card.yaml is not a regular file"),
    "a card that is a pipe": (_in_place_of_the_card(os.mkfifo), "card.yaml is not a regular file"),
    "an altered card": (_edit(CARD, b"0.9", b"1.0"), "card.yaml was altered: its sha256 is"),
    "a longer card": (_edit(CARD, b"made up", b"measured"), "card.yaml was altered: it has"),
    "an altered estimator": (_edit(ESTIMATOR, b'"learning_rate"', b'"Learning_rate"'), "estimator.skops was altered"),
    "an emptied estimator": (_replace(ESTIMATOR, b""), "estimator.skops was altered: it has 0 bytes"),
    "a manifest that is not JSON": (_replace(MANIFEST, b"files:"), "manifest.json is not JSON"),
    "a manifest that is no manifest": (_replace(MANIFEST, b"[]"), "manifest.json: "),
    "an unknown manifest": (_edit(MANIFEST, b"/v1", b"/v2"), "manifest.json: format"),
    "a manifest of two minds": (
        _edit(MANIFEST, b'{\n  "files"', b'{\n  "format": "weldserve.io/manifest/v1",\n  "files"'),
        "manifest.json is not written as",
    ),
    "a bad checksum": (_edit(MANIFEST, b'"sha256": "', b'"sha256": "x'), "manifest.json: files.card.yaml.sha256"),
    "a path that leads outside": (_edit(MANIFEST, b'"card.yaml"', b'"../card.yaml"'), "manifest.json lists '../card"),
    "a file that is not listed": (
        lambda folder: (folder / MANIFEST).write_text(
            json.dumps({"files": {}, "format": "weldserve.io/manifest/v1"}, indent=2) + "\n"
        ),
        "card.yaml is surplus",
    ),
}


@pytest.mark.parametrize("case", TAMPERED_FOLDERS)
def test_a_folder_that_was_tampered_with_is_refused(case: str, tmp_path: Path) -> None:
    sample_bundle(tmp_path / "bundle")
    tamper, sentence = TAMPERED_FOLDERS[case]
    tamper(tmp_path / "bundle")
    assert sentence in refusal(tmp_path / "bundle")


def test_a_wrong_digest_is_refused_and_both_are_named(tmp_path: Path) -> None:
    digest = sample_bundle(tmp_path / "bundle")
    sentence = refusal(tmp_path / "bundle", "0" * 64)
    assert sentence.startswith("wrong digest")
    assert digest in sentence
    assert "0" * 64 in sentence


def test_a_file_above_its_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sample_bundle(tmp_path / "bundle")
    monkeypatch.setitem(weld_bundle.folder.SIZE_LIMITS, CARD, 10)
    assert refusal(tmp_path / "bundle") == "card.yaml is larger than the 10 bytes that are allowed"


def test_an_archive_that_unpacks_beyond_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = stored(boosted())
    write_bundle(tmp_path / "bundle", write_card(card_for(boosted())), content)
    monkeypatch.setattr("weld_bundle.archive.SIZE_LIMITS", {ESTIMATOR: 1000})
    assert "unpacks to more than the 1000 bytes" in refusal(tmp_path / "bundle")


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    name=st.sampled_from([MANIFEST, CARD, ESTIMATOR]), place=st.floats(0, 1, exclude_max=True), mask=st.integers(1, 255)
)
def test_any_altered_byte_of_any_file_is_refused(name: str, place: float, mask: int, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    digest = sample_bundle(folder, linear())
    content = bytearray((folder / name).read_bytes())
    content[int(place * len(content))] ^= mask
    (folder / name).write_bytes(content)
    with pytest.raises(BundleError):
        verify(folder, digest)


@pytest.mark.parametrize("case", REFUSED_ESTIMATORS)
def test_an_estimator_that_must_not_be_loaded_is_refused(case: str, tmp_path: Path) -> None:
    make, sentence = REFUSED_ESTIMATORS[case]
    content = make()
    estimator = next((known() for known in (linear, forest) if type(known()).__name__.encode() in content), boosted())
    digest = write_bundle(tmp_path / "bundle", write_card(card_for(estimator)), content)
    assert sentence in refusal(tmp_path / "bundle", digest)


def test_another_patch_release_of_scikit_learn_is_taken(tmp_path: Path) -> None:
    major, minor, *_ = sklearn.__version__.split(".")
    patched = f"{major}.{minor}.99"

    def change(archive: Archive) -> None:
        for node in iterate(archive.schema):
            if kind_of(node) == "DictNode" and "_sklearn_version" in node["content"]:
                node["content"]["_sklearn_version"]["content"] = f'"{patched}"'

    card = card_for(boosted(), libraries={"scikit-learn": patched})
    digest = write_bundle(tmp_path / "bundle", write_card(card), canonical(parse(altered(boosted(), change))))
    assert load(tmp_path / "bundle", digest).card == card


CARDS_THAT_DO_NOT_FIT: dict[str, tuple[dict[str, Any], str]] = {
    "an input too few": ({"inputs": 3}, "3 inputs, but the estimator takes 4"),
    "an input too many": ({"inputs": 5}, "5 inputs, but the estimator takes 4"),
    "another estimator": ({"estimator": "sklearn.svm.SVC"}, "says estimator sklearn.svm.SVC, but estimator.skops is a"),
    "another scikit-learn": ({"libraries": {"scikit-learn": "0.1"}}, "says scikit-learn 0.1, but estimator.skops was"),
}


@pytest.mark.parametrize("case", CARDS_THAT_DO_NOT_FIT)
def test_a_card_that_does_not_fit_its_estimator_is_refused(case: str, tmp_path: Path) -> None:
    changes, sentence = CARDS_THAT_DO_NOT_FIT[case]
    digest = write_bundle(tmp_path / "bundle", write_card(card_for(boosted(), **changes)), stored(boosted()))
    assert sentence in refusal(tmp_path / "bundle", digest)


@pytest.mark.parametrize("labels", [(1, 2), (0, 1, 2), (0, -1)])
def test_an_estimator_must_tell_sound_from_at_risk(labels: tuple[int, ...], tmp_path: Path) -> None:
    features, _ = examples()
    estimator = clone(linear()).fit(features, np.resize(np.array(labels), len(features)))
    sample_bundle(tmp_path / "bundle", estimator)
    assert "must tell 0 (sound) from 1 (at risk); its classes are" in refusal(tmp_path / "bundle")


def _nodes_and_keys(archive: Archive) -> list[tuple[Node, str]]:
    return [(node, key) for node in list(iterate(archive.schema)) for key in sorted(node)]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    place=st.integers(0, 10**6),
    value=st.sampled_from([None, 0, -1, "", "1", "null", "[]", '{"a": 1}', [], {}, "builtins", "dict", "ListNode"]),
)
def test_whatever_the_schema_says_the_answer_is_an_estimator_or_a_sentence(
    place: int, value: Any, tmp_path: Path
) -> None:
    archive = parse(stored(linear()))
    places = _nodes_and_keys(archive)
    node, key = places[place % len(places)]
    node[key] = value
    content = zipped({"schema.json": json.dumps(archive.schema).encode(), **archive.arrays})
    digest = write_bundle(tmp_path / "bundle", write_card(card_for(linear())), content)
    assert refusal(tmp_path / "bundle", digest).startswith(("estimator.skops", "card.yaml"))
