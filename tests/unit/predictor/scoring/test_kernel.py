"""The compiled kernels: they answer as plain Python does, and take no array that points outside of itself."""

from __future__ import annotations

import gc
import math
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from weld_predictor.scoring import _native
from weld_predictor.scoring.forms import NO_CHILD, NO_SET, Ensemble, Frame, Linear, Link, Trees
from weld_predictor.scoring.layout import make_kernel

FEATURES = 3
Arrays = dict[str, Any]


def frame(kind: int, **changes: Any) -> Arrays:
    arrays: Arrays = {
        "kind": kind,
        "features": FEATURES,
        "scaling": np.empty(0),
        "narrow": False,
        "takes_nan": True,
        "takes_infinite": True,
        "start": 0.5,
        "divisor": 2.0,
        "link": _native.IDENTITY,
    }
    return {**arrays, **changes}


def integers(*values: int) -> NDArray[np.intc]:
    return np.array(values, np.intc)


def swept() -> Arrays:
    """A tree that looks at feature 0, then at feature 2; and a tree of one leaf."""
    return frame(
        _native.SWEEP,
        values=np.array([1.0, 2.0, 4.0, 8.0]),
        columns=integers(0, 0, 1, -1, 2, 0, 0, 0),
        sets=np.full(32, 0b10, np.uint8),
        cut_starts=integers(0, 2, 2, 2),
        cuts=np.array([-1.0, 1.0]),
        tree_starts=integers(0, 2, 2),
        value_starts=integers(0, 3, 4),
        node_column=integers(1, 0),
        node_left=integers(1, 0),
        node_right=integers(2, 256),
        node_bound=integers(0, -126),
    )


def walked() -> Arrays:
    """The same trees."""
    return frame(
        _native.WALK,
        values=np.array([0.0, 1.0, 0.0, 2.0, 4.0, 8.0]),
        columns=integers(0, 0, 1, -1, 2, 0, 0, 0),
        sets=np.full(32, 0b10, np.uint8),
        tree_starts=integers(0, 5, 6),
        node_column=integers(0, 0, 1, 0, 0, 0),
        node_left=integers(1, 1, 3, 3, 4, 5),
        node_threshold=np.array([1.0, 0, 0, 0, 0, 0]),
    )


def linear() -> Arrays:
    return frame(_native.LINEAR, values=np.array([1.0, 2.0, 4.0]))


def kernel(arrays: Arrays) -> _native.Kernel:
    return _native.Kernel(**arrays)


def score(arrays: Arrays, readings: NDArray[Any]) -> list[float]:
    risks = np.empty(len(readings))
    assert kernel(arrays).score(readings, risks)
    return risks.tolist()


TREES = pytest.mark.parametrize("arrays", [swept, walked])
ALL = pytest.mark.parametrize("arrays", [swept, walked, linear])


@TREES
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_readings_go_down_to_their_leaves(arrays: Callable[[], Arrays], dtype: type) -> None:
    nan = math.nan
    readings: NDArray[Any] = np.array(
        [[1, nan, 0], [nan, 0, 0], [1.001, 0, 1], [math.inf, 0, 9], [2, 0, 8], [2, 0, nan]], dtype
    )
    leaves = [1, 1, 2, 2, 4, 4]
    assert score(arrays(), readings) == [(0.5 + leaf + 8) / 2 for leaf in leaves]


def test_a_linear_kernel_adds_up() -> None:
    assert score(linear(), np.array([[1.0, 1.0, 1.0], [0.5, -2.0, 0.25]])) == [3.75, -1.0]


@ALL
@pytest.mark.parametrize(("link", "factor"), [("EXPIT", 1), ("EXPIT_OF_TWICE", 2)])
def test_links_make_probabilities(arrays: Callable[[], Arrays], link: str, factor: int) -> None:
    readings = np.random.default_rng(0).normal(size=(100, FEATURES))
    sums = np.array(score(arrays(), readings))
    found = score({**arrays(), "link": getattr(_native, link)}, readings)
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-factor * sums)), rtol=1e-15)


@ALL
def test_what_the_estimator_refuses_is_not_scored(arrays: Callable[[], Arrays]) -> None:
    for taken, value in (("takes_nan", math.nan), ("takes_infinite", math.inf), ("takes_infinite", -math.inf)):
        readings = np.zeros((200, FEATURES))
        readings[170, 1] = value
        assert kernel(arrays()).score(readings, np.empty(200))
        assert not kernel({**arrays(), taken: False}).score(readings, np.empty(200))
        assert kernel({**arrays(), taken: False}).score(readings[:170], np.empty(170))


@ALL
def test_what_becomes_infinite_in_float32_is_not_scored(arrays: Callable[[], Arrays]) -> None:
    refusing = kernel({**arrays(), "takes_infinite": False, "narrow": True})
    assert not refusing.score(np.full((1, FEATURES), 1e300), np.empty(1))
    assert kernel({**arrays(), "takes_infinite": False}).score(np.full((1, FEATURES), 1e300), np.empty(1))


def test_a_scaler_refuses_what_is_infinite_whatever_follows() -> None:
    scaled = {**swept(), "scaling": np.array([[0.0] * FEATURES, [1.0] * FEATURES])}
    assert kernel(scaled).score(np.zeros((1, FEATURES)), np.empty(1))
    assert kernel(scaled).score(np.full((1, FEATURES), math.nan), np.empty(1))
    assert not kernel(scaled).score(np.full((1, FEATURES), math.inf), np.empty(1))


@ALL
def test_no_readings_have_no_risks(arrays: Callable[[], Arrays]) -> None:
    assert score(arrays(), np.empty((0, FEATURES))) == []


SWEPT_FAULTS: list[tuple[Arrays, str]] = [
    ({"features": 0}, "1 to 65536 features"),
    ({"features": 65537}, "1 to 65536 features"),
    ({"features": 4}, "cuts must be those of each feature"),
    ({"kind": 3}, "no kind 3"),
    ({"kind": -1}, "no kind -1"),
    ({"link": 3}, "no such link"),
    ({"link": -1}, "no such link"),
    ({"divisor": 0.0}, "divisor must be above 0"),
    ({"divisor": math.nan}, "divisor must be above 0"),
    ({"scaling": np.zeros(FEATURES)}, "scaling must be"),
    ({"columns": integers(0, 0, 1, -1, 2, 0, 0)}, "columns must be"),
    ({"columns": integers(0, 0, 1, -1, 3, 0, 0, 0)}, "column is of a feature out of range"),
    ({"columns": integers(0, 0, 1, -1, -1, 0, 0, 0)}, "column is of a feature out of range"),
    ({"columns": integers(0, -1, 1, -1, 2, 0, 0, 0)}, "base is below 0"),
    ({"columns": integers(0, 0, 1, -1, 2, 0, 0, 1)}, "column is of a set out of range"),
    ({"columns": np.zeros((65537, 4), np.intc)}, "at most 65536"),
    ({"sets": np.zeros(31, np.uint8)}, "sets must be"),
    ({"cut_starts": integers(0, 2, 2)}, "cuts must be those of each feature"),
    ({"cut_starts": integers(0, 2, 2, 3)}, "cuts must be those of each feature"),
    ({"cut_starts": integers(0, 2, 1, 2)}, "cuts must be those of each feature"),
    ({"cut_starts": integers(1, 2, 2, 2)}, "cuts must be those of each feature"),
    ({"node_left": integers(1)}, "arrays of nodes differ"),
    ({"node_right": integers(2)}, "arrays of nodes differ"),
    ({"node_bound": integers(0)}, "arrays of nodes differ"),
    ({"tree_starts": integers(0, 2, 3)}, "nodes must be those of each tree"),
    ({"tree_starts": integers(0, 3, 2)}, "nodes must be those of each tree"),
    ({"tree_starts": integers(0)}, "nodes must be those of each tree"),
    ({"tree_starts": integers()}, "nodes must be those of each tree"),
    ({"value_starts": integers(0, 4)}, "values must be those of each tree"),
    ({"value_starts": integers(0, 3, 5)}, "values must be those of each tree"),
    ({"value_starts": integers(0, 4, 4)}, "1 to 256 leaves"),
    ({"value_starts": integers(0, 3, 260), "values": np.zeros(260)}, "1 to 256 leaves"),
    ({"node_column": integers(1, 2)}, "column out of range"),
    ({"node_column": integers(1, -1)}, "column out of range"),
    ({"node_left": integers(3, 0)}, "child out of range"),
    ({"node_left": integers(-1, 0)}, "child out of range"),
    ({"node_right": integers(256, 256)}, "child out of range"),
    ({"node_right": integers(2, 257)}, "child out of range"),
    ({"node_right": integers(2, 511)}, "child out of range"),
    ({"node_bound": integers(0, 128)}, "bound is out of range"),
    ({"node_bound": integers(-129, 0)}, "bound is out of range"),
]
WALKED_FAULTS: list[tuple[Arrays, str]] = [
    ({"node_left": integers(1, 1, 3, 3, 4)}, "arrays of nodes differ"),
    ({"node_threshold": np.zeros(5)}, "arrays of nodes differ"),
    ({"values": np.zeros(5)}, "arrays of nodes differ"),
    ({"tree_starts": integers(0, 5, 7)}, "nodes must be those of each tree"),
    ({"tree_starts": integers(0, 6, 6)}, "a tree has no node"),
    ({"node_left": integers(4, 1, 3, 3, 4, 5)}, "child out of range"),
    ({"node_left": integers(1, 0, 3, 3, 4, 5)}, "child out of range"),
    ({"node_left": integers(-1, 1, 3, 3, 4, 5)}, "child out of range"),
    ({"node_left": integers(2**31 - 1, 1, 3, 3, 4, 5)}, "child out of range"),
    ({"node_column": integers(2, 0, 1, 0, 0, 0)}, "column out of range"),
    ({"node_column": integers(-1, 0, 1, 0, 0, 0)}, "column out of range"),
]
LINEAR_FAULTS: list[tuple[Arrays, str]] = [
    ({"values": np.zeros(2)}, "a coefficient for each feature"),
    ({"values": np.zeros(4)}, "a coefficient for each feature"),
]


@pytest.mark.parametrize(
    ("arrays", "changes", "sentence"),
    [
        *((swept, *fault) for fault in SWEPT_FAULTS),
        *((walked, *fault) for fault in WALKED_FAULTS),
        *((linear, *fault) for fault in LINEAR_FAULTS),
    ],
)
def test_malformed_arrays_are_refused(arrays: Callable[[], Arrays], changes: Arrays, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        kernel({**arrays(), **changes})


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"values": np.zeros(4, np.float32)}, "values has items of format 'f'"),
        ({"columns": np.zeros(8, np.int64)}, "columns has items of format 'l'"),
        ({"sets": np.zeros(32, np.int8)}, "sets has items of format 'b'"),
        ({"values": np.zeros(2, np.complex128)}, "values has items of format 'Zd'"),
        ({"values": [1.0, 2.0, 4.0, 8.0]}, "bytes-like"),
    ],
)
def test_arrays_of_other_types_are_refused(changes: Arrays, sentence: str) -> None:
    with pytest.raises(TypeError, match=sentence):
        kernel({**swept(), **changes})


@ALL
def test_a_kernel_keeps_nothing_of_the_arrays_that_it_was_made_from(arrays: Callable[[], Arrays]) -> None:
    given = arrays()
    made, readings, before, after = kernel(given), np.ones((9, FEATURES)), np.empty(9), np.empty(9)
    assert made.score(readings, before)
    for array in given.values():
        if isinstance(array, np.ndarray):
            array.fill(127)
    assert made.score(readings, after)
    np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize(
    ("readings", "risks", "error"),
    [
        (np.zeros((2, 4)), np.empty(2), ValueError),
        (np.zeros((2, 3)), np.empty(3), ValueError),
        (np.zeros((2, 3)), np.empty((2, 1)), ValueError),
        (np.zeros(6), np.empty(2), ValueError),
        (np.zeros((2, 3, 1)), np.empty(2), ValueError),
        (np.zeros((2, 3), np.int64), np.empty(2), TypeError),
        (np.zeros((2, 3), np.float16), np.empty(2), TypeError),
        (np.zeros((2, 3), ">f8"), np.empty(2), TypeError),
        (np.zeros((2, 3)), np.empty(2, np.float32), TypeError),
        (np.zeros((3, 2)).T, np.empty(2), ValueError),
        (np.zeros((4, 3))[::2], np.empty(2), ValueError),
        (np.zeros((2, 3)), np.empty(4)[::2], ValueError),
        (np.zeros((2, 3)), np.frombuffer(bytes(16)), ValueError),
        ("readings", np.empty(2), TypeError),
    ],
)
def test_readings_and_risks_of_other_forms_are_refused(readings: Any, risks: Any, error: Any) -> None:
    with pytest.raises(error):
        kernel(linear()).score(readings, risks)


def test_score_takes_two_arguments() -> None:
    score_method: Any = kernel(linear()).score
    with pytest.raises(TypeError, match="not 1 arguments"):
        score_method(np.zeros((2, 3)))


def test_kernels_and_calls_leave_no_reference_behind() -> None:
    readings, risks, values = np.zeros((100, FEATURES)), np.empty(100), np.array([1.0, 2.0, 4.0])
    before = [sys.getrefcount(each) for each in (readings, risks, values, _native.Kernel)]
    for _ in range(50):
        kernel({**linear(), "values": values}).score(readings, risks)
        with pytest.raises(ValueError, match="risks"):
            kernel({**linear(), "values": values}).score(readings, risks[:1])
        with pytest.raises(ValueError, match="coefficient"):
            kernel({**linear(), "values": values[:1]})
    gc.collect()
    assert [sys.getrefcount(each) for each in (readings, risks, values, _native.Kernel)] == before


@ALL
def test_threads_score_with_one_kernel_at_the_same_time(arrays: Callable[[], Arrays]) -> None:
    made, readings = kernel(arrays()), np.random.default_rng(0).normal(size=(20_000, FEATURES))
    expected, found = np.empty(20_000), np.empty((4, 20_000))
    made.score(readings, expected)
    threads = [threading.Thread(target=made.score, args=(readings, risks)) for risks in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(found, np.tile(expected, (4, 1)))


VALUES = st.one_of(
    st.floats(width=32),
    st.sampled_from([0.0, -0.0, 1.0, 1e-40, -1e-40, 3.0, 7.0, math.nan, math.inf, -math.inf, 255.0, 256.0]),
)
"""Those that features hold, and thresholds: so few that they meet."""


@st.composite
def ensembles(draw: st.DrawFn) -> Ensemble:
    """Trees of any form on three features, of which the last may be split by categories."""
    arrays: dict[str, list[Any]] = {
        name: [] for name in ("feature", "threshold", "missing_left", "set", "left", "right")
    }
    starts, sets = [0], draw(st.lists(st.binary(min_size=32, max_size=32), max_size=2))
    for _ in range(draw(st.integers(1, 4))):
        left, right = draw_tree(draw)
        for _ in left:
            feature = draw(st.integers(0, FEATURES - 1))
            has_set = feature == 2 and sets and draw(st.booleans())
            arrays["feature"].append(feature)
            arrays["set"].append(draw(st.integers(0, len(sets) - 1)) if has_set else NO_SET)
            arrays["threshold"].append(draw(VALUES.filter(lambda value: not math.isnan(value))))
            arrays["missing_left"].append(draw(st.booleans()))
        arrays["left"] += left
        arrays["right"] += right
        starts.append(len(arrays["left"]))
    trees = Trees(
        starts=np.array(starts, np.intc),
        feature=np.array(arrays["feature"], np.intc),
        threshold=np.array(arrays["threshold"], np.float64),
        missing_left=np.array(arrays["missing_left"], np.bool_),
        category_set=np.array(arrays["set"], np.intc),
        left=np.array(arrays["left"], np.intc),
        right=np.array(arrays["right"], np.intc),
        value=np.arange(starts[-1], dtype=np.float64) * 1.1,
        sets=np.array([list(each) for each in sets], np.uint8).reshape(-1, 32),
    )
    trees.check(FEATURES)
    plain = Frame(FEATURES, np.empty((0, 2, FEATURES)), draw(st.booleans()), takes_nan=True, takes_infinite=True)
    return Ensemble(plain, trees, start=0.25, divisor=3.0, link=Link.IDENTITY)


def draw_tree(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    """Children, left and right: a tree that grew leaf by leaf."""
    left, right, leaves = [NO_CHILD], [NO_CHILD], [0]
    for _ in range(draw(st.integers(0, 12))):
        grown = leaves.pop(draw(st.integers(0, len(leaves) - 1)))
        left[grown], right[grown] = len(left), len(left) + 1
        leaves += [len(left), len(left) + 1]
        left += [NO_CHILD, NO_CHILD]
        right += [NO_CHILD, NO_CHILD]
    return left, right


def plain_risk(ensemble: Ensemble, reading: list[float]) -> float:
    """Node by node, as scikit-learn's description has it."""
    trees, total = ensemble.trees, ensemble.start
    values = np.array(reading, np.float32 if ensemble.frame.narrow else np.float64).astype(np.float64)
    for root in trees.starts[:-1]:
        node = int(root)
        while trees.left[node] != NO_CHILD:
            value, row = values[trees.feature[node]], trees.category_set[node]
            if math.isnan(value) or (row != NO_SET and not 0 <= value < 256):
                goes_left = bool(trees.missing_left[node])
            elif row != NO_SET:
                goes_left = bool(trees.sets[row][int(value) // 8] >> int(value) % 8 & 1)
            else:
                goes_left = bool(value <= trees.threshold[node])
            node = int(root) + int(trees.left[node] if goes_left else trees.right[node])
        total += trees.value[node]
    return float(total / ensemble.divisor)


@settings(max_examples=150, deadline=None)
@given(ensembles(), st.lists(st.lists(VALUES, min_size=FEATURES, max_size=FEATURES), max_size=80), st.booleans())
def test_any_trees_answer_as_plain_python_does(ensemble: Ensemble, rows: list[list[float]], is_double: bool) -> None:
    readings = np.array(rows, np.float64 if is_double else np.float32).reshape(-1, FEATURES)
    expected = [plain_risk(ensemble, row) for row in readings.tolist()]
    for most_leaves in (256, 0):
        found = np.empty(len(readings))
        assert make_kernel(_native, ensemble, most_leaves).score(readings, found)
        assert found.tolist() == expected


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.floats(-10, 10), min_size=2 * FEATURES, max_size=2 * FEATURES),
    st.lists(st.lists(st.floats(-1e6, 1e6, width=32), min_size=FEATURES, max_size=FEATURES), max_size=80),
)
def test_any_scaled_sum_answers_as_plain_python_does(numbers: list[float], rows: list[list[float]]) -> None:
    scaling = np.array([[numbers[:FEATURES], [2.0, 4.0, 0.5]]])
    form = Linear(Frame(FEATURES, scaling, False, False, False), np.array(numbers[FEATURES:]), -0.5, Link.EXPIT)
    readings, found = np.array(rows).reshape(-1, FEATURES), np.empty(len(rows))
    assert make_kernel(_native, form).score(readings, found)
    sums = ((readings - scaling[0, 0]) / scaling[0, 1]) @ form.coefficients - 0.5
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(found, 1 / (1 + np.exp(-sums)), rtol=0, atol=1e-9)
