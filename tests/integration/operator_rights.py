"""What the chart lets the operator do, and nothing else of the chart."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.sandbox.helm import Helm
from tests.sandbox.kube_api import Object
from tests.sandbox.rig import country_values
from tests.sandbox.tools import ensure

HOME = "weldserve-system"
ACCOUNT = "weldserve-operator"
USER = f"system:serviceaccount:{HOME}:{ACCOUNT}"

_KINDS = ("ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")


async def operator_rights(
    folder: Path, *namespaces: str, release: str = "weldserve", home: str = HOME, shards: int = 1
) -> list[Object]:
    """The ServiceAccount, Roles and RoleBindings of a release's operator, for a country of these namespaces."""
    program = (await asyncio.to_thread(ensure, ["helm"]))["helm"]
    helm = Helm(program, folder / "helm")
    values = country_values("br", *namespaces)
    values["operator"] = {**values.get("operator", {}), "shards": shards, "replicas": shards + 1}
    documents = await helm.template(release, "weldserve", home, values)
    return [document for document in documents if document["kind"] in _KINDS]
