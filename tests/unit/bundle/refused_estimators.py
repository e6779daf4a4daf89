"""Estimators' files that must not be loaded, each with what the sentence of its refusal says."""

from __future__ import annotations

import gzip
import io
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import skops.io
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC

from tests.unit.bundle.samples import altered, boosted, fitted, forest, linear, stored, zipped
from weld_bundle.archive import Archive
from weld_bundle.nodes import iterate, kind_of, type_of


def _npy(array: NDArray[Any], allow_pickle: bool = False) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=allow_pickle)
    return buffer.getvalue()


def _with_first(kind: str, **changes: Any) -> bytes:
    """The linear sample after a change of its first node of a kind."""

    def change(archive: Archive) -> None:
        next(node for node in iterate(archive.schema) if kind_of(node) == kind).update(changes)

    return altered(linear(), change)


def _with_array(content: bytes) -> bytes:
    def change(archive: Archive) -> None:
        archive.arrays[next(iter(archive.arrays))] = content

    return altered(linear(), change)


def _with_tree(estimator: Any, tree: str, field: str, value: int) -> bytes:
    """An estimator whose first tree has another value in a field of its root."""

    def change(archive: Archive) -> None:
        node = next(node for node in iterate(archive.schema) if type_of(node).endswith(tree))
        name = node["content"]["content"]["nodes"]["file"]
        nodes = np.load(io.BytesIO(archive.arrays[name]))
        nodes[field][0] = value
        archive.arrays[name] = _npy(nodes)

    return altered(estimator, change)


def _with_a_list_of_objects() -> bytes:
    part = {"__loader__": "TypeNode", "__module__": "builtins", "__class__": "int"}

    def change(archive: Archive) -> None:
        node = next(node for node in iterate(archive.schema) if kind_of(node) == "NdArrayNode of numpy")
        node.pop("file")
        node.update(type="json", __class__="ndarray", content=[part], shape=part)

    return altered(linear(), change)


def _with_a_tree_of_nothing() -> bytes:
    def change(archive: Archive) -> None:
        next(node for node in iterate(archive.schema) if kind_of(node) == "TreeNode")["__reduce__"]["args"].update(
            content=[]
        )

    return altered(forest(), change)


def _calibrated() -> Any:
    return fitted(CalibratedClassifierCV(boosted(), cv=2))


def _stored_by(version: str) -> bytes:
    def change(archive: Archive) -> None:
        for node in iterate(archive.schema):
            if kind_of(node) == "DictNode" and "_sklearn_version" in node["content"]:
                node["content"]["_sklearn_version"]["content"] = f'"{version}"'

    return altered(boosted(), change)


def _of_two_versions() -> bytes:
    def change(archive: Archive) -> None:
        archive.schema["content"]["content"]["_sklearn_version"]["content"] = '"1.2.3"'

    return altered(boosted(), change)


REFUSED_ESTIMATORS: dict[str, tuple[Callable[[], bytes], str]] = {
    "a pickle": (lambda: pickle.dumps(linear()), "is a pickle, which can run code"),
    "a compressed pickle": (lambda: gzip.compress(pickle.dumps(linear())), "is not a readable skops archive"),
    "empty": (lambda: b"", "is not a readable skops archive"),
    "cut off": (lambda: stored(linear())[:-100], "is not a readable skops archive"),
    "a pickle inside": (
        lambda: zipped({"schema.json": b"{}", "model.pkl": b"\x80\x04"}),
        "holds a pickle, 'model.pkl'",
    ),
    "a disguised pickle": (
        lambda: zipped({"schema.json": b"{}", "1.npy": pickle.dumps(linear())}),
        "holds a pickle, '1.npy'",
    ),
    "a foreign file": (lambda: zipped({"schema.json": b"{}", "setup.py": b""}), "holds 'setup.py'"),
    "no schema": (lambda: zipped({"1.npy": b""}), "has no schema.json"),
    "a schema that is not JSON": (lambda: zipped({"schema.json": b"{"}), "schema.json is not JSON"),
    "a schema without end": (lambda: zipped({"schema.json": b"[" * 100_000}), "schema.json is not JSON"),
    "a schema that is no tree": (lambda: zipped({"schema.json": b"[]"}), "has skops protocol None"),
    "another protocol": (
        lambda: zipped({"schema.json": b'{"protocol": 1}'}),
        "has skops protocol 1; only protocol 2 is read",
    ),
    "a protocol that is no number": (lambda: zipped({"schema.json": b'{"protocol": true}'}), "has skops protocol True"),
    "a node that is none": (
        lambda: zipped({"schema.json": b'{"protocol": 2, "__loader__": 5}'}),
        "holds something that is not a skops node",
    ),
    "an estimator off the list": (lambda: stored(fitted(SVC())), "sklearn.svm._classes.SVC, which is not on the list"),
    "a regressor": (
        lambda: stored(fitted(HistGradientBoostingRegressor(max_iter=2))),
        "which is not on the list of allowed types",
    ),
    "a function": (
        lambda: skops.io.dumps(fitted(make_pipeline(FunctionTransformer(np.exp), LogisticRegression()))),
        "holds numpy.exp (FunctionNode), which is not on the list",
    ),
    "a call of eval": (
        lambda: _with_first("TypeNode", __module__="builtins", __class__="eval"),
        "holds builtins.eval, which is not on the list",
    ),
    "a type from elsewhere": (
        lambda: _with_first("ObjectNode", __module__="os", __class__="system"),
        "holds os.system, which is not on the list",
    ),
    "a loader from elsewhere": (
        lambda: zipped(
            {
                "schema.json": b'{"protocol": 2, "__loader__": "MethodNode", "__module__": "os", "__class__": "Popen",'
                b' "content": {}}'
            }
        ),
        "holds os.Popen (MethodNode), which is not on the list",
    ),
    "a part as the estimator": (
        lambda: zipped(
            {
                "schema.json": b'{"protocol": 2, "__loader__": "JsonNode", "__module__": "builtins",'
                b' "__class__": "str", "content": "1", "is_json": true}'
            }
        ),
        "is a builtins.str, which is not a classifier",
    ),
    "a key too many": (lambda: _with_first("TypeNode", content={}), "is broken: a TypeNode of builtins.str has the"),
    "content that is none": (lambda: _with_first("ListNode", content=7), "the content of a ListNode"),
    "an array that is not there": (lambda: _with_first("NdArrayNode of numpy", file="9.npy"), "'9.npy' is not in"),
    "an array of objects": (
        lambda: _with_array(_npy(np.array([{}], dtype=object), allow_pickle=True)),
        "is not an array of numbers: it holds Python objects",
    ),
    "a list of objects": (
        _with_a_list_of_objects,
        "holds an array of Python objects; arrays must hold numbers",
    ),
    "an array that is none": (lambda: _with_array(b"nothing of the kind"), "is not an array of numbers"),
    "an array larger than its file": (
        lambda: _with_array(_npy(np.zeros(9)).replace(b"(9,), ", b"(9e9,)").replace(b"(9e9,)", b"(999,)", 1)),
        "is not an array of numbers: it announces",
    ),
    "a tree that leaves its nodes": (
        lambda: _with_tree(boosted(), "TreePredictor", "left", 4_000_000),
        "a tree whose nodes point outside of the tree",
    ),
    "a tree that never ends": (
        lambda: _with_tree(boosted(), "TreePredictor", "right", 0),
        "a tree whose nodes point outside of the tree",
    ),
    "a tree that reads beyond the inputs": (
        lambda: _with_tree(boosted(), "TreePredictor", "feature_idx", 4),
        "a tree that reads an input beyond the 4 of the card",
    ),
    "a tree of categories": (
        lambda: _with_tree(boosted(), "TreePredictor", "is_categorical", 1),
        "a tree that splits on categories",
    ),
    "a forest that leaves its nodes": (
        lambda: _with_tree(forest(), "_tree.Tree", "left_child", 4_000),
        "a tree whose nodes point outside of the tree",
    ),
    "a forest that reads before the inputs": (
        lambda: _with_tree(forest(), "_tree.Tree", "feature", -3),
        "a tree that reads an input beyond the 4 of the card",
    ),
    "a calibrated tree that never ends": (
        lambda: _with_tree(_calibrated(), "TreePredictor", "left", 0),
        "a tree whose nodes point outside of the tree",
    ),
    "an older scikit-learn": (lambda: _stored_by("1.2.3"), "was stored by scikit-learn 1.2.3, which this scikit-learn"),
    "two versions of scikit-learn": (_of_two_versions, "must be stored by one version of scikit-learn; it states 1."),
    "as skops writes it": (lambda: skops.io.dumps(boosted()), "is not written as `weldserve bundle pack` writes it"),
    "with bytes at the end": (lambda: stored(boosted()) + b"\n", "is not written as `weldserve bundle pack` writes it"),
    "a broken state": (
        _with_a_tree_of_nothing,
        "estimator.skops cannot be built",
    ),
}
