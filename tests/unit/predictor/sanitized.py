"""A pytest plugin: tests find the compiled module whose path is in WELDSERVE_SANITIZED, not the installed one.

WELDSERVE_SANITIZED_NAME says which module it is.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys

NAME = "WELDSERVE_SANITIZED_NAME"
PATH = "WELDSERVE_SANITIZED"


def pytest_configure() -> None:
    name = os.environ[NAME]
    specification = importlib.util.spec_from_file_location(name, os.environ[PATH])
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    sys.modules[name] = module
    package, _, attribute = name.rpartition(".")
    importlib.import_module(package).__dict__[attribute] = module


def pytest_report_header() -> str:
    return f"compiled module: {sys.modules[os.environ[NAME]].__file__}"
