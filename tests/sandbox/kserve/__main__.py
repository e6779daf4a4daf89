"""`python -m tests.sandbox.kserve`: run the stand-in for KServe until SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import logging
from pathlib import Path

import aiohttp

from tests.sandbox.kserve.actions import MANAGER
from tests.sandbox.kserve.controller import Controller
from tests.sandbox.kserve.names import Cluster
from tests.sandbox.kserve.observation import CANARY_ROUTES, KEDA, KNATIVE
from tests.sandbox.kserve.webhooks import PodMutator, WebhookServer, register
from tests.sandbox.kube_api import ApiError, KubeApi
from tests.sandbox.signals import until_terminated

READY_FILE = "ready"
OPTIONAL_PARTS = frozenset({KEDA, KNATIVE, CANARY_ROUTES})
REGISTER_PAUSE_SECONDS = 0.5


def main() -> None:
    options = _options()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    ready: Path = options.folder / READY_FILE
    options.folder.mkdir(parents=True, exist_ok=True)
    ready.unlink(missing_ok=True)
    try:
        asyncio.run(until_terminated(_run(options)))
    finally:
        ready.unlink(missing_ok=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.sandbox.kserve", description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--domain", default="example.com", help="the domain of the addresses in status")
    parser.add_argument(
        "--gateway",
        type=_gateway,
        default="kserve/kserve-ingress-gateway",
        metavar="NAMESPACE/NAME",
        help="the parent of routes; %(default)s by default",
    )
    parser.add_argument(
        "--folder", type=Path, required=True, help=f"for the certificate, and a file `{READY_FILE}` while it serves"
    )
    parser.add_argument("--webhook-port", type=int, default=0, help="on 127.0.0.1; any free one by default")
    parser.add_argument(
        "--without",
        type=_parts,
        default=frozenset(),
        metavar="PART,...",
        help="of knative,keda,canary-routes: parts to take as missing even where their API is; without the last one it "
        "is a KServe before 0.21, which makes canaries and routes nothing to them",
    )
    parser.add_argument(
        "--storage-variable",
        type=_variable,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an environment variable of every storage initializer, as a ClusterStorageContainer may have it",
    )
    return parser.parse_args()


def _variable(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not (name and separator):
        raise argparse.ArgumentTypeError(f"{text!r} must be NAME=VALUE")
    return name, value


def _gateway(text: str) -> tuple[str, str]:
    namespace, separator, name = text.partition("/")
    if not (namespace and separator and name):
        raise argparse.ArgumentTypeError(f"{text!r} must be a namespace and a name, such as kserve/gateway")
    return namespace, name


def _parts(text: str) -> frozenset[str]:
    parts = frozenset(filter(None, text.split(",")))
    if unknown := parts - OPTIONAL_PARTS:
        raise argparse.ArgumentTypeError(f"{min(unknown)!r} is not one of {', '.join(sorted(OPTIONAL_PARTS))}")
    return parts


async def _run(options: argparse.Namespace) -> None:
    async with KubeApi.from_kubeconfig(options.kubeconfig) as api:
        mutator = PodMutator(api, dict(options.storage_variable))
        server = await WebhookServer.start(mutator, options.folder, options.webhook_port)
        try:
            await _register(api, server)
            controller = Controller(api, Cluster(options.domain, options.gateway), without=options.without)
            await controller.run((options.folder / READY_FILE).touch)
        finally:
            await server.stop()


async def _register(api: KubeApi, server: WebhookServer) -> None:
    """Register the webhooks, whenever the API server comes."""
    while True:
        try:
            await register(api, server, MANAGER)
        except (ApiError, aiohttp.ClientError, TimeoutError) as error:
            logging.getLogger(__name__).info("the webhooks are not registered yet: %s", error)
            await asyncio.sleep(REGISTER_PAUSE_SECONDS)
        else:
            return


if __name__ == "__main__":
    main()
