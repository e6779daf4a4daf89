"""`python -m tests.sandbox.resource_metrics`: serve `metrics.k8s.io` to an API server until SIGTERM.

Whoever comes must show a certificate of the API server's front proxy, which has authenticated the user.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import ssl
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web

from tests.sandbox.kube_api import KubeApi, path_of
from tests.sandbox.resource_metrics.api import NAME, RESOURCES, ROOT, pod_metrics_list
from tests.sandbox.resource_metrics.process_table import sessions
from tests.sandbox.resource_metrics.rates import Rates
from tests.sandbox.signals import until_terminated

ADDRESS = "127.0.0.1"
SAMPLE_SECONDS = 1.0


def main() -> None:
    options = _options()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    asyncio.run(until_terminated(_run(options)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.sandbox.resource_metrics", description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True, help="on 127.0.0.1")
    parser.add_argument("--folder", type=Path, required=True, help=f"with {NAME}.crt and {NAME}.key, this server's")
    parser.add_argument("--front-proxy", type=Path, required=True, help="the authority of its clients, PEM")
    return parser.parse_args()


class Server:
    """Answers from the samples that it has taken."""

    def __init__(self, api: KubeApi) -> None:
        self._api = api
        self._rates = Rates()

    async def sample(self) -> None:
        """Take samples for ever."""
        while True:
            self._rates.add(datetime.now(UTC), await asyncio.to_thread(sessions))
            await asyncio.sleep(SAMPLE_SECONDS)

    async def resources(self, _: web.Request) -> web.Response:
        return web.json_response(RESOURCES)

    async def pods(self, request: web.Request) -> web.Response:
        """Those of a namespace, or all, with the labels that are asked for."""
        path = path_of("v1", "pods", request.match_info.get("namespace"))
        pods = await self._api.list(path, label_selector=request.query.get("labelSelector"))
        return web.json_response(pod_metrics_list(pods, self._rates))


async def _run(options: argparse.Namespace) -> None:
    async with KubeApi.from_kubeconfig(options.kubeconfig) as api:
        server = Server(api)
        application = web.Application()
        application.router.add_get(ROOT, server.resources)
        application.router.add_get(f"{ROOT}/pods", server.pods)
        application.router.add_get(f"{ROOT}/namespaces/{{namespace}}/pods", server.pods)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, ADDRESS, options.port, ssl_context=_tls(options)).start()
            await server.sample()
        finally:
            await runner.cleanup()


def _tls(options: argparse.Namespace) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.folder / f"{NAME}.crt", options.folder / f"{NAME}.key")
    context.load_verify_locations(options.front_proxy)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


if __name__ == "__main__":
    main()
