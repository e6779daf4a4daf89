"""What several tests of the operator begin with."""

from __future__ import annotations

import pytest

from tests.unit.operator.plant import Plant


@pytest.fixture
async def serving() -> Plant:
    """Bundle `a` serves, and nothing is on its way."""
    plant = Plant()
    await plant.until_a_serves()
    return plant
