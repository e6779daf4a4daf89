"""From a bundle's folder to an estimator that scores."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from weld_api.card import BundleCard
from weld_bundle.archive import canonical, parse
from weld_bundle.building import build
from weld_bundle.errors import BundleError
from weld_bundle.manifest import ESTIMATOR
from weld_bundle.verification import verify


class Estimator(Protocol):
    """What every estimator of a bundle can do."""

    def predict_proba(self, features: npt.NDArray[np.float32], /) -> npt.NDArray[np.float64]:
        """Features `[N, F]` in the order of the card's inputs to probabilities `[N, 2]`: sound, at risk."""
        ...


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that was verified and loaded."""

    card: BundleCard
    estimator: Estimator = field(repr=False)
    digest: str


def load(folder: Path, digest: str | None = None) -> Bundle:
    """Verify a bundle and build its estimator. No code of the bundle runs: there is none that could.

    Raises BundleError for whatever `verify` refuses; a pickle, or a type off the list of `weld_bundle.audit`, inside of
    the estimator; an estimator that another minor version of scikit-learn stored; a card that does not fit it.
    """
    verified = verify(folder, digest)
    archive = parse(verified.estimator)
    estimator = build(archive, verified.card)
    if canonical(archive) != verified.estimator:
        raise BundleError(f"{ESTIMATOR} is not written as `weldserve bundle pack` writes it")
    return Bundle(card=verified.card, estimator=estimator, digest=verified.digest)
