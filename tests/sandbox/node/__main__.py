"""`python -m tests.sandbox.node`: run one stand-in node until SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from tests.sandbox.kube_api import KubeApi
from tests.sandbox.node.addresses import AddressPool, Block
from tests.sandbox.node.backoff import BackOff
from tests.sandbox.node.host import Host
from tests.sandbox.node.kubelet import Kubelet
from tests.sandbox.node.prober import Prober
from tests.sandbox.node.registration import NodeDescription
from tests.sandbox.signals import until_terminated


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.sandbox.node", description="Run one stand-in node.")
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--name", required=True, help="of the Node object")
    parser.add_argument("--zone", required=True, help="topology.kubernetes.io/zone")
    parser.add_argument("--region", required=True, help="topology.kubernetes.io/region")
    parser.add_argument("--folder", type=Path, required=True, help="for its Pods' volumes and logs")
    parser.add_argument("--heartbeat", type=float, default=1.0, help="seconds between heartbeats")
    parser.add_argument("--restart-backoff", type=float, default=1.0, help="seconds, doubled up to 10")
    parser.add_argument("--cpu", default="8", help="what the scheduler may give out")
    parser.add_argument("--memory", default="16Gi", help="what the scheduler may give out")
    return parser.parse_args()


async def _run(arguments: argparse.Namespace) -> None:
    folder: Path = arguments.folder.resolve()
    block = Block.claim(str(folder))
    addresses = AddressPool(block.text)
    prober = Prober()
    async with KubeApi.from_kubeconfig(arguments.kubeconfig) as api:
        host = Host(api, arguments.name, addresses, prober, BackOff(first=arguments.restart_backoff), folder)
        node = NodeDescription(
            name=arguments.name,
            zone=arguments.zone,
            region=arguments.region,
            address=addresses.node,
            cpu=arguments.cpu,
            memory=arguments.memory,
        )
        try:
            await until_terminated(Kubelet(host, node, arguments.heartbeat).run())
        finally:
            await prober.close()
            block.release()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    asyncio.run(_run(_arguments()))
    sys.exit(0)
