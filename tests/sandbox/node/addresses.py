"""The loopback addresses of one node's Pods."""

from __future__ import annotations

import hashlib
import socket
from dataclasses import dataclass
from typing import Self

FIRST_NETWORK, NETWORKS, SUBNETS = 64, 64, 256
GUARD_PORT = 10250  # a kubelet's own


class AddressesExhaustedError(Exception):
    """Every address of the node's block is in use."""


@dataclass
class Block:
    """Addresses of this machine that no other node has, whichever rig it is of, until they are released.

    `text`: the first three numbers, such as `127.64.1`.
    """

    text: str
    guard: socket.socket

    @classmethod
    def claim(cls, wish: str) -> Self:
        """A free block; for the same wish (any text) the same one, unless another node has it.

        Raises AddressesExhaustedError.
        """
        blocks = NETWORKS * SUBNETS
        first = int.from_bytes(hashlib.sha256(wish.encode()).digest()[:4], "big")
        for number in range(first, first + blocks):
            network, subnet = divmod(number % blocks, SUBNETS)
            text = f"127.{FIRST_NETWORK + network}.{subnet}"
            try:
                return cls(text, socket.create_server((f"{text}.1", GUARD_PORT)))
            except OSError:
                continue
        raise AddressesExhaustedError(f"each of {blocks} blocks of loopback addresses has a node")

    def release(self) -> None:
        self.guard.close()


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
