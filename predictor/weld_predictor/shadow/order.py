"""The order to shadow: a file that comes, changes and goes while the predictor runs."""

from __future__ import annotations

import ipaddress
import logging
import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from weld_api.shadow import SHADOW_FILE, SHADOW_LABEL_LENGTH, ShadowOrder

LONGEST_FILE = 262_144
"""Bytes; a thousand addresses are a tenth of it."""

_log = logging.getLogger(__name__)

Address = tuple[str, int]
"""IP address and port."""


@dataclass(frozen=True, slots=True)
class Order:
    """Whom to shadow, checked."""

    digest: str
    version: str
    share: int
    """Readings to forward, of a hundred."""
    addresses: tuple[Address, ...]

    @property
    def candidate(self) -> str:
        """The label of the metrics."""
        return self.digest[:SHADOW_LABEL_LENGTH]


class OrderFile:
    """Looks at the file in `folder`; a look costs microseconds while nothing changes."""

    def __init__(self, folder: Path, own_digest: str) -> None:
        self._path = folder / SHADOW_FILE
        self._own_digest = own_digest
        self._seen: tuple[int, int, int] | None = None
        self.order: Order | None = None

    def look(self) -> bool:
        """Whether `order` is another since the last look."""
        seen = _state_of(self._path)
        if seen == self._seen:
            return False
        self._seen, before = seen, self.order
        self.order = None if seen is None else self._read()
        return self.order != before

    def _read(self) -> Order | None:
        try:
            with self._path.open("rb") as file:
                text = file.read(LONGEST_FILE + 1)
            return read_order(text, self._own_digest)
        except FileNotFoundError:  # it went since it was seen
            return None
        except (OSError, ValueError) as error:
            _log.warning("nothing is shadowed", extra={"file": str(self._path), "reason": str(error)})
            return None


def read_order(text: bytes, own_digest: str) -> Order:
    """The order that a file with `text` gives to who serves `own_digest`. Raises ValueError with one sentence."""
    if len(text) > LONGEST_FILE:
        raise ValueError(f"the order has more than {LONGEST_FILE} bytes, expected fewer")
    try:
        given = ShadowOrder.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the order"
        raise ValueError(f"{where}: {first['msg']}") from None
    if given.digest == own_digest:
        raise ValueError(f"digest {own_digest} is served here, expected that of another bundle")
    addresses = tuple(dict.fromkeys(map(_address, given.addresses)))
    return Order(given.digest, given.version, given.share, addresses)


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    try:
        address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
        number = int(port) if port.isascii() and port.isdigit() else 0
    except ValueError:
        number = 0
    if not 1 <= number <= 65_535:
        raise ValueError(f"addresses: {text[:80]!r} came, expected an IP address and a port such as 10.0.0.7:8080")
    return str(address), number


def _state_of(path: Path) -> tuple[int, int, int] | None:
    """What differs when the file differs: a kubelet exchanges the folder that the file's link leads to."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
