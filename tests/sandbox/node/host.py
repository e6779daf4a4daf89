"""What every Pod of a node shares."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.sandbox.kube_api import KubeApi
from tests.sandbox.node.addresses import AddressPool
from tests.sandbox.node.backoff import BackOff
from tests.sandbox.node.prober import Prober


@dataclass(frozen=True)
class Host:
    """A node as its Pods see it: `name` of the Node, `folder` for its Pods' files."""

    api: KubeApi
    name: str
    addresses: AddressPool
    prober: Prober
    backoff: BackOff
    folder: Path
