"""Decision trees of an estimator: whether their nodes stay inside of the tree and of the inputs.

scikit-learn walks a tree in compiled code without checking an index, so that a tree with a wrong one reads foreign
memory, or never ends. Trees that scikit-learn grows number each child above its parent; that alone rules out a cycle.
"""

from __future__ import annotations

import numpy as np

from weld_bundle.archive import Archive
from weld_bundle.arrays import Array, read_array
from weld_bundle.errors import BundleError
from weld_bundle.manifest import ESTIMATOR
from weld_bundle.nodes import Node, kind_of


def check_tree(archive: Archive, tree: Node, features: int) -> None:
    """Check a `sklearn.tree._tree.Tree`, as forests and gradient boosting have it. Raises BundleError."""
    nodes = _nodes_of(archive, tree, ("left_child", "right_child", "feature", "threshold"))
    inner = nodes["left_child"] != -1
    _check_indices(nodes["left_child"], nodes["right_child"], nodes["feature"], inner, features)


def check_histogram_tree(archive: Archive, tree: Node, features: int) -> None:
    """Check a `TreePredictor` of histogram gradient boosting. Raises BundleError, also for splits on categories."""
    nodes = _nodes_of(archive, tree, ("left", "right", "feature_idx", "is_leaf", "is_categorical"))
    if nodes["is_categorical"].any():
        raise BundleError(f"{ESTIMATOR} holds a tree that splits on categories; inputs are numbers")
    inner = nodes["is_leaf"] == 0
    _check_indices(nodes["left"], nodes["right"], nodes["feature_idx"], inner, features)


def _nodes_of(archive: Archive, tree: Node, fields: tuple[str, ...]) -> Array:
    content = tree.get("content", {}).get("content", {})
    node = content.get("nodes") if isinstance(content, dict) else None
    if not isinstance(node, dict) or kind_of(node) != "NdArrayNode of numpy":
        raise BundleError(f"{ESTIMATOR} is broken: a tree has no nodes")
    nodes = read_array(archive, node)
    if nodes.ndim != 1 or nodes.size == 0 or not set(fields) <= set(nodes.dtype.names or ()):
        raise BundleError(f"{ESTIMATOR} is broken: the nodes of a tree are not an array of nodes")
    return nodes


def _check_indices(left: Array, right: Array, feature: Array, inner: Array, features: int) -> None:
    own = np.arange(left.size)[inner]
    for child in (left[inner].astype(np.int64), right[inner].astype(np.int64)):
        if (child <= own).any() or (child >= left.size).any():
            raise BundleError(f"{ESTIMATOR} holds a tree whose nodes point outside of the tree")
    used = feature[inner]
    if (used < 0).any() or (used >= features).any():
        raise BundleError(f"{ESTIMATOR} holds a tree that reads an input beyond the {features} of the card")
