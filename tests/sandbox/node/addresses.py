"""The loopback addresses of one node's Pods."""

from __future__ import annotations


class AddressesExhaustedError(Exception):
    """Every address of the node's block is in use."""


class AddressPool:
    """Addresses 127.x.y.2 to 127.x.y.254 of a block such as `127.1.1`; the node itself has 127.x.y.1.

    They are given out in turn, so that one that was released is not in use again at once.
    """

    def __init__(self, block: str) -> None:
        parts = block.split(".")
        if len(parts) != 3 or parts[0] != "127" or not all(part.isdigit() and int(part) <= 255 for part in parts):
            raise ValueError(f"address block {block!r} must be the first three numbers of a loopback address: 127.1.1")
        self._block = block
        self._free = list(range(2, 255))
        self.node = f"{block}.1"

    def take(self) -> str:
        """An address that no other Pod has; AddressesExhaustedError when there is none."""
        if not self._free:
            raise AddressesExhaustedError(f"no address is left in {self._block}.2 to {self._block}.254")
        return f"{self._block}.{self._free.pop(0)}"

    def release(self, address: str) -> None:
        self._free.append(int(address.rpartition(".")[2]))
