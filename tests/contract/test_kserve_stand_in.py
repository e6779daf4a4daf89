"""The stand-in for KServe does what KServe was recorded to do, on a real control plane with real Pods' processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract import kserve_recording
from tests.contract.kserve_scenarios import Replays


@pytest.mark.parametrize("recording", kserve_recording.paths(), ids=lambda path: path.stem)
async def test_the_stand_in_does_what_was_recorded(recording: Path, replays: Replays) -> None:
    differences = await replays[recording]
    assert not differences, "\n".join(differences)
