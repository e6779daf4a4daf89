"""Whatever comes, it is answered by a sentence, and neither the predictor nor its answers suffer."""

from __future__ import annotations

from pathlib import Path

from tests.integration import predictor_fuzz
from tests.integration.predictor_process import pack_weld_bundle, predictor

REQUESTS = 500
MOST_GROWTH = 64 * 1024
"""KiB, from the first half to the second; a bomb that was let through would be 50 MB, and there are dozens."""


async def test_requests_that_nobody_would_send(tmp_path: Path) -> None:
    bundle = pack_weld_bundle(tmp_path / "bundle")
    most = predictor_fuzz.MOST
    async with predictor(tmp_path, bundle, queue_readings=most, max_readings=most, grpc_port=0) as process:
        await process.logged("ready")
        report = await predictor_fuzz.run(process, seed=7, count=REQUESTS)
        assert not report.faults
        assert sum(report.answers.values()) == REQUESTS
        assert {"REST 200", "REST 400", "REST 413", "gRPC OK", "gRPC INVALID_ARGUMENT"} <= set(report.answers)
        assert report.growth < MOST_GROWTH
        assert [line["message"] for line in process.log_lines()] == ["listening", "ready"]
        process.interrupt()
        assert await process.exit_code() == 0
