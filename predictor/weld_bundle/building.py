"""From an audited archive to an estimator."""

from __future__ import annotations

import warnings
from typing import Any

import sklearn
import skops.io
from sklearn.exceptions import InconsistentVersionWarning

from weld_api.card import BundleCard
from weld_bundle.archive import Archive, canonical
from weld_bundle.audit import TRUSTED, audit
from weld_bundle.errors import BundleError
from weld_bundle.fit import check_fit, check_statements
from weld_bundle.manifest import ESTIMATOR


def build(archive: Archive, card: BundleCard) -> Any:
    """Audit an archive, build its estimator and check that it fits the card. Raises BundleError."""
    audited = audit(archive, features=len(card.inputs))
    _check_library(audited.library_version, sklearn.__version__)
    check_statements(card, audited.estimator, audited.library_version)
    estimator = _construct(archive)
    check_fit(estimator, card)
    return estimator


def _check_library(stored: str, installed: str) -> None:
    """Patch releases of scikit-learn read each other's estimators; nothing is promised beyond them."""
    if stored.split(".")[:2] != installed.split(".")[:2]:
        raise BundleError(
            f"{ESTIMATOR} was stored by scikit-learn {stored}, which this scikit-learn {installed} does not read: "
            "major and minor version must be the same"
        )


def _construct(archive: Archive) -> Any:
    with warnings.catch_warnings():
        # Another patch release is fine: `_check_library` has seen to the rest.
        warnings.simplefilter("ignore", InconsistentVersionWarning)
        try:
            return skops.io.loads(canonical(archive), trusted=list(TRUSTED))
        except Exception as error:  # a state that does not fit its type can raise anything
            raise BundleError(f"{ESTIMATOR} cannot be built: {' '.join(str(error).split())}") from error
