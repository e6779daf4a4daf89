"""`python -m tests.sandbox.gateway`: serve one Gateway with Caddy until SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import logging
from pathlib import Path

from tests.sandbox.gateway.caddy import Caddy
from tests.sandbox.gateway.caddy_config import Addresses, caddy_config
from tests.sandbox.gateway.controller import Controller
from tests.sandbox.kube_api import KubeApi
from tests.sandbox.process import free_port
from tests.sandbox.signals import until_terminated


def _gateway(text: str) -> tuple[str, str]:
    namespace, _, name = text.partition("/")
    if not namespace or not name:
        raise argparse.ArgumentTypeError(f"{text!r} must be NAMESPACE/NAME")
    return namespace, name


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.sandbox.gateway", description="Serve one Gateway.")
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--caddy", type=Path, required=True, help="the program")
    parser.add_argument("--listen", required=True, help="for clients, such as 127.0.0.1:8080")
    parser.add_argument("--folder", type=Path, required=True, help="for Caddy's files and log")
    parser.add_argument("--gateway", type=_gateway, default=("kserve", "kserve-ingress-gateway"))
    return parser.parse_args()


async def _serve(arguments: argparse.Namespace) -> None:
    addresses = Addresses(arguments.listen, *(f"127.0.0.1:{free_port()}" for _ in range(3)))
    caddy = await Caddy.start(arguments.caddy, caddy_config(None, (), (), (), addresses), arguments.folder)
    try:
        async with KubeApi.from_kubeconfig(arguments.kubeconfig) as api:
            await Controller(api, caddy, arguments.gateway, addresses).run()
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
