"""`python -m tests.sandbox.storage_initializer URI FOLDER [URI FOLDER ...]`, as KServe's image is called."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.sandbox.storage_initializer.fetching import FetchError, fetch


def main(arguments: list[str]) -> int:
    """Fetch each pair; the exit code, after one sentence on standard error when it is not 0."""
    if not arguments or len(arguments) % 2:
        print("error: wanted pairs of a uri and a folder", file=sys.stderr)
        return 2
    try:
        for uri, folder in zip(arguments[::2], arguments[1::2], strict=True):
            fetch(uri, Path(folder))
    except FetchError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
