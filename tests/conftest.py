"""What a test run says of itself at its head."""

from tests.sandbox.schemas import Source, configured_source


def pytest_report_header() -> str:
    source = configured_source()
    fewer = " (made from the kserve SDK: less strict than the published ones)" if source is Source.MINIMAL else ""
    return f"resource definitions of KServe, the Gateway API and KEDA: {source}{fewer}"
