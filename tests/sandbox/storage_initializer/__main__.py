"""`python -m tests.sandbox.storage_initializer URI FOLDER [URI FOLDER ...]`, as KServe's image is called."""

from __future__ import annotations

import sys

from kserve_storage import Storage
from kserve_storage.logging import configure_logging

if __name__ == "__main__":
    configure_logging()
    Storage.download_files(sys.argv[1::2], sys.argv[2::2])
