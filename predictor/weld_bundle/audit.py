"""Whether an estimator's archive holds only what we allow: checked before any of it is built.

skops has an audit of its own, which trusts every scikit-learn estimator and, named explicitly, the trees. This one is
narrower (the types below and no others), reads the whole tree of nodes, and looks into the arrays of trees, where a
crafted index would make compiled code read outside of its memory.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from weld_bundle.archive import Archive
from weld_bundle.arrays import read_array
from weld_bundle.errors import BundleError
from weld_bundle.manifest import ESTIMATOR
from weld_bundle.nodes import Node, iterate, kind_of, type_of
from weld_bundle.trees import check_histogram_tree, check_tree

CLASSIFIERS = frozenset(
    {
        "sklearn.calibration.CalibratedClassifierCV",
        "sklearn.ensemble._forest.RandomForestClassifier",
        "sklearn.ensemble._gb.GradientBoostingClassifier",
        "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingClassifier",
        "sklearn.linear_model._logistic.LogisticRegression",
        "sklearn.pipeline.Pipeline",
    }
)
"""What a bundle's estimator may be."""

_TREE_PREDICTOR = "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"

_PARTS = frozenset(
    {
        "sklearn._loss.link.HalfLogitLink",
        "sklearn._loss.link.Interval",
        "sklearn._loss.link.LogitLink",
        "sklearn._loss.loss.ExponentialLoss",
        "sklearn._loss.loss.HalfBinomialLoss",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.dummy.DummyClassifier",
        "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
        "sklearn.frozen._frozen.FrozenEstimator",
        "sklearn.isotonic.IsotonicRegression",
        "sklearn.preprocessing._data.StandardScaler",
        "sklearn.preprocessing._label.LabelEncoder",
        "sklearn.tree._classes.DecisionTreeClassifier",
        "sklearn.tree._classes.DecisionTreeRegressor",
        _TREE_PREDICTOR,
    }
)
_DATA_TYPES = frozenset({"builtins.bool", "builtins.float", "builtins.int", "builtins.str"})
_NUMBERS = frozenset(f"numpy.{name}" for name in ("bool", "float32", "float64", "int32", "int64", "uint32", "uint64"))

ALLOWED_TYPES: dict[str, frozenset[str]] = {
    "JsonNode": frozenset({"builtins.str"}),
    "TypeNode": _DATA_TYPES | _NUMBERS,
    "ListNode": frozenset({"builtins.list"}),
    "TupleNode": frozenset({"builtins.tuple"}),
    "DictNode": frozenset({"builtins.dict"}),
    "ObjectNode": CLASSIFIERS | _PARTS,
    "NdArrayNode of numpy": frozenset({"numpy.ndarray"}) | _NUMBERS,
    "NdArrayNode of json": frozenset({"numpy.ndarray"}),
    "LossNode": frozenset({"sklearn._loss._loss.CyExponentialLoss", "sklearn._loss._loss.CyHalfBinomialLoss"}),
    "TreeNode": frozenset({"sklearn.tree._tree.Tree"}),
    "RandomStateNode": frozenset({"numpy.random.mtrand.RandomState"}),
    "RandomGeneratorNode": frozenset({"numpy.random._generator.Generator"}),
}
"""By kind of node: the types that it may stand for."""

TRUSTED = tuple(sorted(frozenset().union(*ALLOWED_TYPES.values())))
"""The same types for skops' own audit, which runs after this one."""


@dataclass(frozen=True, slots=True)
class Audit:
    """What the archive says of its estimator."""

    estimator: str
    """Full name of the estimator's type."""
    library_version: str
    """Version of scikit-learn that stored it."""


def audit(archive: Archive, features: int) -> Audit:
    """Check every node of an archive whose estimator is to score `features` inputs.

    Raises BundleError for a type off the list, an estimator that is no classifier of ours, an array that is not plain
    numbers, a tree that points outside of itself or at an input that does not exist, and parts of several versions.
    """
    versions: set[str] = set()
    # All of them before any is looked into: by then each is known to have the shape of its kind.
    nodes = list(iterate(archive.schema))
    for node in nodes:
        kind, name = kind_of(node), type_of(node)
        if name not in ALLOWED_TYPES[kind]:
            raise BundleError(f"{ESTIMATOR} holds {name}, which is not on the list of allowed types")
        if kind == "NdArrayNode of numpy":
            read_array(archive, node)
        elif kind == "NdArrayNode of json":
            _check_stages(node)
        elif kind == "TreeNode":
            check_tree(archive, node, features)
        elif name == _TREE_PREDICTOR:
            check_histogram_tree(archive, node, features)
        elif kind == "DictNode" and "_sklearn_version" in node["content"]:
            versions.add(str(_json(node["content"]["_sklearn_version"])))
    root = type_of(archive.schema)
    if root not in CLASSIFIERS:
        raise BundleError(f"{ESTIMATOR} is a {root}, which is not a classifier on the list of allowed types")
    if len(versions) != 1:
        found = " and ".join(sorted(versions)) or "no version"
        raise BundleError(f"{ESTIMATOR} must be stored by one version of scikit-learn; it states {found}")
    return Audit(estimator=root, library_version=versions.pop())


def _json(node: Node) -> Any:
    """The value of a JsonNode; None for any other node."""
    if kind_of(node) != "JsonNode" or not isinstance(node["content"], str):
        return None
    try:
        return json.loads(node["content"])
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{ESTIMATOR} is broken: {node['content'][:40]!r} is not JSON") from error


def _check_stages(node: Node) -> None:
    """Gradient boosting keeps one column of regression trees as an array of objects; nothing else needs such an array.

    Compiled code writes one output for each column, so that a second one would be written outside of its memory.
    """
    rows = node["content"]
    stages = [row["content"][0] for row in rows if kind_of(row) == "ListNode" and len(row["content"]) == 1]
    trees = [stage for stage in stages if type_of(stage) == "sklearn.tree._classes.DecisionTreeRegressor"]
    if not rows or len(trees) != len(rows):
        raise BundleError(f"{ESTIMATOR} holds an array of Python objects; arrays must hold numbers")
