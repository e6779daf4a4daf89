"""Our own: estimators in compiled form."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from types import ModuleType
from typing import Any

import numpy as np

from weld_predictor.scoring.layout import make_kernel
from weld_predictor.scoring.reference import ReferenceScorer
from weld_predictor.scoring.scorer import Features, Risks
from weld_predictor.scoring.translation import translate

try:
    from weld_predictor.scoring import _native
except ImportError:  # where there was no compiler when this was installed
    compiled: ModuleType | None = None
else:
    compiled = _native

NAME = "native"

_FEWEST_FOR_A_THREAD = 1024
"""Readings; for fewer, handing them over costs more than it gains."""


class NotBuiltError(Exception):
    """The compiled module is not there."""


class NativeScorer:
    """Scores by a compiled kernel. Readings that the estimator refuses are left to the estimator, to refuse."""

    name = NAME

    def __init__(self, estimator: Any, reason: str = "asked for", threads: int = 1) -> None:
        """`threads`: how many share a batch, this call's own included.

        Raises NotBuiltError, UntranslatableError, ClassesError, and ValueError for malformed trees.
        """
        if compiled is None:
            raise NotBuiltError("native scorer not built")
        if threads < 1:
            raise ValueError(f"at least one thread is needed, not {threads}")
        translation = translate(estimator)
        self.reason = reason
        self._encode = translation.encode
        self._kernel = make_kernel(compiled, translation.form)
        self._reference = ReferenceScorer(estimator)
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads - 1, "scoring") if threads > 1 else None

    def risk(self, features: Features) -> Risks:
        """As `Scorer.risk`. Raises TypeError for other types than float32 and float64."""
        encoded: Features = features if self._encode is None else self._encode(features)
        if not encoded.flags.c_contiguous:
            encoded = encoded.copy()
        risks = np.empty(len(encoded))
        parts = min(self._threads, len(encoded) // _FEWEST_FOR_A_THREAD)
        taken = self._kernel.score(encoded, risks) if parts < 2 else self._score_parts(encoded, risks, parts)
        return risks if taken else self._reference.risk(features)

    def _score_parts(self, features: Features, risks: Risks, parts: int) -> bool:
        assert self._pool is not None
        ends = np.linspace(0, len(features), parts + 1, dtype=np.intp).tolist()
        slices = [slice(start, stop) for start, stop in pairwise(ends)]
        others = [self._pool.submit(self._kernel.score, features[each], risks[each]) for each in slices[1:]]
        taken = [self._kernel.score(features[slices[0]], risks[slices[0]])]
        return all(taken + [other.result() for other in others])
