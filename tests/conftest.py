"""What a test run says of itself at its head, and how its tests are shared out when two processes run them."""

from pathlib import Path

import pytest

from tests.sandbox.schemas import Source, configured_source

TESTS = Path(__file__).parent

LONGEST_FIRST = ("e2e", "contract", "integration", "unit")
"""The layers in the order in which two processes take them, so that neither waits long for the other's last file."""


def pytest_report_header() -> str:
    source = configured_source()
    fewer = " (made from the kserve SDK: less strict than the published ones)" if source is Source.MINIMAL else ""
    return f"resource definitions of KServe, the Gateway API and KEDA: {source}{fewer}"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep together what shares a rig or a server: the end-to-end tests as a whole, and each other file.

    First of all, as pytest-xdist reads the groups in the same hook.
    """
    if not hasattr(config, "workerinput"):
        return
    for item in items:
        layer, *_ = item.path.relative_to(TESTS).parts
        item.add_marker(pytest.mark.xdist_group(layer if layer == "e2e" else str(item.path)))
    items.sort(key=lambda item: LONGEST_FIRST.index(item.path.relative_to(TESTS).parts[0]))
