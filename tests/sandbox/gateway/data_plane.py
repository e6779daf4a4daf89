"""Where Caddy listens and what it reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DataPlane:
    """Where Caddy listens: for clients, on a socket that it inherits, and at host:port for the rest.

    The share of the requests that belongs to a backend which does not exist, or has no ready Pod, is sent to one of
    the last two, which answer 500 and 503. `slots` is the folder of the files that name the upstreams.
    """

    # Caddy's own listening socket is another one after each reload, and the kernel resets the connections that wait in
    # the queue of the one before; an inherited socket stays the same.
    client_socket: int
    admin: str
    no_backend: str
    no_endpoint: str
    slots: Path
