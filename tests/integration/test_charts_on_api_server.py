"""A real API server takes what the charts make, and lets a namespace belong to one country."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.integration.rendered_charts import CHOICES, rendered
from tests.sandbox.apply import Resource, served_kinds
from tests.sandbox.control_plane import ControlPlane
from tests.sandbox.helm import CHARTS, Helm, HelmError
from tests.sandbox.kube_api import Object, path_of
from tests.sandbox.schemas import install_schemas
from tests.sandbox.tools import ensure


@pytest.fixture(scope="module")
async def known(control_plane: ControlPlane) -> ControlPlane:
    """A control plane that knows what KServe and the Gateway API bring."""
    async with control_plane.api() as api:
        await install_schemas(api)
    return control_plane


@pytest.mark.parametrize("values", CHOICES.values(), ids=CHOICES.keys())
async def test_the_api_server_takes_every_object(helm: Helm, values: Object, known: ControlPlane) -> None:
    documents = [
        document
        for document in await rendered(helm, values)
        if not document["apiVersion"].startswith("monitoring.coreos.com")
    ]
    async with known.api() as api:
        resources: dict[str, dict[str, Resource]] = {}
        for document in documents:
            version = document["apiVersion"]
            if version not in resources:
                resources[version] = await served_kinds(api, version)
            resource = resources[version][document["kind"]]
            about = document["metadata"]
            namespace = "default" if resource.namespaced else None
            if resource.namespaced:
                about["namespace"] = namespace
            if document["kind"] == "Pod":
                document["spec"].pop("serviceAccountName", None)  # a dry run makes none
            path = path_of(version, resource.plural, namespace, about["name"])
            await api.apply(f"{path}?dryRun=All&fieldValidation=Strict", document, manager="charts")


async def test_a_namespace_belongs_to_one_country(
    tmp_path_factory: pytest.TempPathFactory, known: ControlPlane
) -> None:
    helm = Helm(ensure(["helm"])["helm"], tmp_path_factory.mktemp("helm"), known.kubeconfig)
    async with known.api() as api:
        for name in ("kserve", "plant-shared"):
            body: dict[str, Any] = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            await api.apply(path_of("v1", "namespaces", name=name), body, manager="charts")

    def install(country: str) -> asyncio.Task[str]:
        values = {"country": country, "namespaces": ["plant-shared"], "operator": {"replicas": 0}}
        name = f"weldserve-{country}"
        arguments = ("install", name, str(CHARTS / "weldserve"), f"--namespace={name}", "--create-namespace")
        return asyncio.create_task(helm.run(*arguments, values=values))

    await install("br")
    with pytest.raises(HelmError) as refused:
        await install("no")
    expected = "namespaces has plant-shared, which belongs to country br already (release weldserve-br in weldserve-br)"
    assert expected in str(refused.value)
    await helm.run("uninstall", "weldserve-br", "--namespace=weldserve-br")
    await install("no")
    await helm.run("uninstall", "weldserve-no", "--namespace=weldserve-no")
