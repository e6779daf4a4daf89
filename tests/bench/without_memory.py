"""`python -m tests.bench.without_memory`: a predictor that remembers no sensor, to know what remembering costs."""

from __future__ import annotations

import sys
from unittest.mock import patch

from weld_predictor.__main__ import main
from weld_predictor.passes import Assessor


def without_memory(*arguments: object) -> Assessor:
    """An assessor of the same bounds, threshold and scorer."""
    return Assessor(*arguments[:3])  # type: ignore[arg-type]


if __name__ == "__main__":
    with patch("weld_predictor.server.Assessor", without_memory):
        sys.exit(main(sys.argv[1:]))
