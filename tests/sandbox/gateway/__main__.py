"""`python -m tests.sandbox.gateway`: serve one Gateway with Caddy until SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import logging
import socket
from pathlib import Path

from tests.sandbox.gateway.caddy import Caddy
from tests.sandbox.gateway.caddy_config import caddy_config
from tests.sandbox.gateway.controller import Controller
from tests.sandbox.gateway.data_plane import DataPlane
from tests.sandbox.kube_api import KubeApi
from tests.sandbox.process import free_port
from tests.sandbox.signals import until_terminated

BACKLOG = 1024


def _listen(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} must be ADDRESS:PORT")
    return host, int(port)


def _gateway(text: str) -> tuple[str, str]:
    namespace, _, name = text.partition("/")
    if not namespace or not name:
        raise argparse.ArgumentTypeError(f"{text!r} must be NAMESPACE/NAME")
    return namespace, name


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.sandbox.gateway", description="Serve one Gateway.")
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--caddy", type=Path, required=True, help="the program")
    parser.add_argument("--listen", type=_listen, required=True, help="for clients, such as 127.0.0.1:8080")
    parser.add_argument("--folder", type=Path, required=True, help="for Caddy's files and log")
    parser.add_argument("--gateway", type=_gateway, default=("kserve", "kserve-ingress-gateway"))
    return parser.parse_args()


async def _serve(arguments: argparse.Namespace) -> None:
    host, port = arguments.listen
    with socket.create_server((host, port), backlog=BACKLOG) as clients:
        admin, no_backend, no_endpoint = (f"127.0.0.1:{free_port()}" for _ in range(3))
        plane = DataPlane(clients.fileno(), admin, no_backend, no_endpoint, arguments.folder / "slots")
        caddy = await Caddy.start(arguments.caddy, caddy_config((), plane), arguments.folder, clients.fileno())
        try:
            async with KubeApi.from_kubeconfig(arguments.kubeconfig) as api:
                await Controller(api, caddy, arguments.gateway, plane, host).run()
        finally:
            await caddy.stop()


async def _main(arguments: argparse.Namespace) -> None:
    await until_terminated(_serve(arguments))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    given = _arguments()
    given.folder, given.caddy = given.folder.resolve(), given.caddy.resolve()
    given.folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(_main(given))
