"""What a test run says of itself at its head, and how its tests are shared out when two processes run them."""

from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from tests.sandbox.schemas import Source, configured_source

TESTS = Path(__file__).parent

LONGEST_FIRST = ("e2e", "contract", "integration", "unit")
"""The layers in the order in which two processes take them, so that neither waits long for the other's last file."""


def pytest_report_header() -> str:
    source = configured_source()
    fewer = " (made from the kserve SDK: less strict than the published ones)" if source is Source.MINIMAL else ""
    return f"resource definitions of KServe, the Gateway API and KEDA: {source}{fewer}"


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    """Keep together what shares a rig or a server: the end-to-end tests as a whole, and each other file."""
    return ByRig(config, log)


class ByRig(LoadScopeScheduling):  # type: ignore[misc]  # pytest-xdist has no types
    """Gives a worker the end-to-end tests as a whole, and any other tests by their file.

    pytest-xdist's own groups do not reach the scheduler with pytest 9.2, whose node identifiers cannot be renamed.
    """

    def _split_scope(self, nodeid: str) -> str:
        path, *_ = nodeid.split("::", 1)
        return "tests/e2e" if path.startswith("tests/e2e/") else path


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In two processes, begin with what takes longest."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: LONGEST_FIRST.index(item.path.relative_to(TESTS).parts[0]))
