"""How long what was read had lain in the kernel: where hundreds of clients ask at once, the event loop comes late."""

from __future__ import annotations

import socket
import struct
from typing import Any

_LAST_DATA_CAME = struct.Struct("I")
_TICK = 4
"""Milliseconds, of the clock of most kernels: so much may be left out where anything is told."""
_PLACE = 52
"""Of `tcpi_last_data_recv` in `struct tcp_info` (linux/tcp.h): milliseconds since the latest bytes came."""


class ArrivalClock:
    """Of one connection. Where the system does not tell, nothing ever waited."""

    __slots__ = ("_socket",)

    def __init__(self, transport: Any) -> None:
        known = transport.get_extra_info("socket")
        self._socket = None if known is None else socket.socket(fileno=known.fileno())

    def seconds_unread(self) -> float:
        """At most, since the latest bytes came; of use at the moment in which they are read."""
        if self._socket is None:
            return 0.0
        try:
            info = self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _PLACE + _LAST_DATA_CAME.size)
            milliseconds = int(_LAST_DATA_CAME.unpack_from(info, _PLACE)[0])
            return (milliseconds + _TICK) / 1000 if milliseconds else 0.0
        except (OSError, struct.error):
            return 0.0

    def close(self) -> None:
        """The connection's own end closes the socket."""
        if self._socket is not None:
            self._socket.detach()
            self._socket = None
