"""A pytest plugin: tests find the compiled module whose path is in WELDSERVE_SANITIZED, not the installed one."""

from __future__ import annotations

import importlib.util
import os
import sys

import weld_predictor.scoring

NAME = "weld_predictor.scoring._native"
PATH = "WELDSERVE_SANITIZED"


def pytest_configure() -> None:
    specification = importlib.util.spec_from_file_location(NAME, os.environ[PATH])
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    sys.modules[NAME] = module
    weld_predictor.scoring.__dict__["_native"] = module


def pytest_report_header() -> str:
    return f"compiled module: {sys.modules[NAME].__file__}"
