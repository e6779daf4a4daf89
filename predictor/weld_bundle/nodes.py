"""The grammar of a skops schema, as far as the estimators that we allow need it.

A node is a JSON object that names its loader (`__loader__`) and its type (`__module__`, `__class__`); where its
children are depends on the loader. Reading the tree by this grammar, and refusing what it does not know, is what lets
the audit say that it saw everything that skops would build. Written after skops 0.16, protocol 2 (`skops/io`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from weld_bundle.errors import BundleError
from weld_bundle.manifest import ESTIMATOR

Node: TypeAlias = dict[str, Any]

SCHEMA = "schema.json"

PROTOCOL = 2
"""The only version of skops' format that is read: the one that skops 0.16 writes."""

_TYPE_KEYS = frozenset({"__class__", "__module__", "__loader__"})
_ROOT_KEYS = frozenset({"protocol", "_skops_version"})


def _no_children(_: Node) -> list[Any]:
    return []


def _items(node: Node) -> list[Any]:
    return list(node["content"])


def _content(node: Node) -> list[Any]:
    return [node["content"]] if "content" in node else []


_CHILDREN: dict[str, tuple[frozenset[str], Callable[[Node], list[Any]]]] = {
    "JsonNode": (frozenset({"content", "is_json"}), _no_children),
    "TypeNode": (frozenset(), _no_children),
    "ListNode": (frozenset({"content"}), _items),
    "TupleNode": (frozenset({"content"}), _items),
    "DictNode": (frozenset({"content", "key_types"}), lambda node: [node["key_types"], *node["content"].values()]),
    "ObjectNode": (frozenset({"content"}), _content),
    "NdArrayNode of numpy": (frozenset({"type", "file"}), _no_children),
    "NdArrayNode of json": (frozenset({"type", "content", "shape"}), lambda node: [node["shape"], *_items(node)]),
    "LossNode": (frozenset({"__reduce__", "content"}), lambda node: [node["__reduce__"]["args"], node["content"]]),
    "TreeNode": (frozenset({"__reduce__", "content"}), lambda node: [node["__reduce__"]["args"], node["content"]]),
    "RandomStateNode": (frozenset({"content"}), _content),
    "RandomGeneratorNode": (
        frozenset({"content"}),
        lambda node: [node["content"]["bit_generator"], node["content"]["seed_seq"]],
    ),
}
"""By kind of node: the keys that it has, and how to find its children. What is not here (functions, methods, partials,
constructor calls, bytes ...) is never built."""


def kind_of(node: Node) -> str:
    """The loader, and for an array how it is stored: as numpy's own file, or as a list of nodes."""
    loader = str(node["__loader__"])
    return f"{loader} of {node.get('type')}" if loader == "NdArrayNode" else loader


def type_of(node: Node) -> str:
    """The full name of the type that a node stands for."""
    return f"{node['__module__']}.{node['__class__']}"


def iterate(root: Any) -> Iterator[Node]:
    """Every node of a schema, parents before children, in the order of the file.

    Raises BundleError for another protocol, an unknown loader, and a node that has other keys than its loader's.
    """
    protocol = root.get("protocol") if isinstance(root, dict) else None
    if type(protocol) is not int or protocol != PROTOCOL:
        raise BundleError(f"{ESTIMATOR} has skops protocol {protocol!r}; only protocol {PROTOCOL} is read")
    pending = [root]
    while pending:
        node = pending.pop()
        children = _children_of(node, _ROOT_KEYS if node is root else frozenset())
        yield node
        pending.extend(reversed(children))


def _children_of(node: Any, root_keys: frozenset[str]) -> list[Any]:
    if not isinstance(node, dict) or not all(isinstance(node.get(key), str) for key in _TYPE_KEYS):
        raise BundleError(f"{ESTIMATOR} is broken: its {SCHEMA} holds something that is not a skops node")
    kind = kind_of(node)
    if kind not in _CHILDREN:
        raise BundleError(f"{ESTIMATOR} holds {type_of(node)} ({kind}), which is not on the list of allowed types")
    keys, find_children = _CHILDREN[kind]
    found = node.keys() - _TYPE_KEYS - root_keys - {"__id__"}
    # An object without attributes has no content at all.
    if found != keys and not (kind == "ObjectNode" and not found):
        raise BundleError(f"{ESTIMATOR} is broken: a {kind} of {type_of(node)} has the keys {sorted(found)}")
    try:
        return find_children(node)
    except (AttributeError, KeyError, TypeError) as error:
        raise BundleError(f"{ESTIMATOR} is broken: the content of a {kind} of {type_of(node)} is no node") from error
