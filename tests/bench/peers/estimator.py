"""The estimator of a bundle, in an environment without the product."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import skops.io


def load_estimator(bundle: str) -> Any:
    """Of the bundle in this folder, which was made a moment ago by the bench."""
    path = Path(bundle) / "estimator.skops"
    return skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path))
