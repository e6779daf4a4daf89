"""`python -m tests.permissions.record`: runs the operator, and writes which code of it needs which permission."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from tests.integration.operator_rights import ACCOUNT, HOME, USER, operator_rights
from tests.integration.played_site import NAMESPACE, ROOT, PlayedSite
from tests.permissions.life import after_a_life
from tests.permissions.table import Code, Permission, granted, page, used
from tests.sandbox.audit import audit_events
from tests.sandbox.rig import GATEWAY

PAGE = ROOT / "charts" / "weldserve" / "PERMISSIONS.md"
PLACE_OF = {NAMESPACE: "country", HOME: "release", GATEWAY[0]: "gateway"}


async def chart_grants(folder: Path) -> set[Permission]:
    """What the chart grants to the operator of a country with one namespace."""
    return granted(await operator_rights(folder, NAMESPACE), ACCOUNT, PLACE_OF)


def used_in(site: PlayedSite, may: set[Permission]) -> Code:
    """What the operators of a site needed."""
    return used(audit_events(site.plane.audit_log, user=USER), may, PLACE_OF)


async def _record() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        may = await chart_grants(folder)
        async with after_a_life(folder) as site:
            PAGE.write_text(page(used_in(site, may)))
    print(f"Wrote {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    asyncio.run(_record())
