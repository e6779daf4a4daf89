"""The socket that requests come in by."""

from __future__ import annotations

import resource
import socket

BACKLOG = 2048
"""Connections that the kernel keeps until they are accepted."""


class AddressError(Exception):
    """The address cannot be listened on; the message is one sentence."""


def allow_connections() -> None:
    """Have as many files open as the system lets this process have, each connection being one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def listen(address: str, port: int) -> socket.socket:
    """A socket that listens on the IP address `address`; port 0 takes a free one. Raises AddressError."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise AddressError(f"cannot listen on {address} port {port}: {error.strerror}") from error
