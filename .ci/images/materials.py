"""The bill of materials: what the tool lists from the requirements, with the licences that the wheels state."""

from __future__ import annotations

import email
import json
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_LICENCE_FILE = re.compile(r"[^/]+\.dist-info/(licenses/)?LICEN[CS]E(\.txt|\.md)?")
LONGEST_NAME = 80
"""Characters; what is longer is the licence's own text."""


def bill_of_materials(listed: str, wheels: Iterable[Path]) -> str:
    """CycloneDX JSON from CycloneDX JSON: licences added, in an order that is the same each time."""
    bill = json.loads(listed)
    licences = dict(map(_licences, wheels))
    for component in bill["components"]:
        component.pop("description", None)
        if found := licences.get(plain(component["name"])):
            component["licenses"] = found
    return json.dumps(bill, indent=1, sort_keys=True) + "\n"


def plain(name: str) -> str:
    """The one spelling of a package's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _licences(wheel: Path) -> tuple[str, list[dict[str, Any]]]:
    """Name and licences of a wheel: its expression, else what its author calls it, else its classifiers or files."""
    with zipfile.ZipFile(wheel) as archive:
        (path,) = [name for name in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name)]
        about = email.message_from_bytes(archive.read(path))
        titles = [_first_line(archive, each) for each in archive.namelist() if _LICENCE_FILE.fullmatch(each)]
    name = plain(str(about["Name"]))
    if expression := about["License-Expression"]:
        return name, [{"expression": str(expression), "acknowledgement": "declared"}]
    classified = [
        str(each).rpartition(" :: ")[2]
        for each in about.get_all("Classifier", [])
        if each.startswith("License ::") and each != "License :: OSI Approved"
    ]
    stated = str(about["License"] or "").strip()
    if stated and "\n" not in stated and len(stated) <= LONGEST_NAME:
        classified = [stated]
    classified = classified or titles
    return name, [{"license": {"name": each, "acknowledgement": "declared"}} for each in classified]


def _first_line(archive: zipfile.ZipFile, name: str) -> str:
    """Where a licence has its title."""
    return archive.read(name).decode(errors="replace").strip().partition("\n")[0].strip()
