"""The chart lets sensors' gateways and other installations ask the operator, where values say so."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.sandbox.helm import Helm
from tests.sandbox.kube_api import Object
from tests.sandbox.tools import ensure

RELEASE = "weldserve-br"
COUNTRY: Object = {"country": "br", "namespaces": ["plant-a"], "domain": "weldserve.example"}
SERVICE = f"{RELEASE}-published"


async def _rendered(folder: Path, published: Object) -> dict[tuple[str, str], Object]:
    program = (await asyncio.to_thread(ensure, ["helm"]))["helm"]
    documents = await Helm(program, folder).template(RELEASE, "weldserve", RELEASE, {**COUNTRY, "published": published})
    return {(each["kind"], each["metadata"]["name"]): each for each in documents}


async def test_nothing_is_published_unless_it_is_asked_for(tmp_path: Path) -> None:
    assert ("Service", SERVICE) not in await _rendered(tmp_path, {})


async def test_a_route_leads_to_the_port_at_which_the_signed_documents_are(tmp_path: Path) -> None:
    published = {"enabled": True, "port": 9000, "signingSecret": "signing", "route": {"enabled": True}}
    objects = await _rendered(tmp_path, published)
    pod = objects["Deployment", f"{RELEASE}-operator"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert {"--published-port=9000", "--published-signing-key=/etc/weldserve/signing/signing.key"} <= set(
        container["args"]
    )
    assert {"name": "published", "containerPort": 9000} in container["ports"]
    (port,) = objects["Service", SERVICE]["spec"]["ports"]
    assert port == {"name": "http", "port": 80, "targetPort": "published"}
    route = objects["HTTPRoute", SERVICE]["spec"]
    assert route["hostnames"] == ["weldserve.weldserve.example"]
    assert route["rules"][0]["backendRefs"] == [{"name": SERVICE, "port": port["port"]}]
    ingress = objects["NetworkPolicy", f"{RELEASE}-operator"]["spec"]["ingress"]
    assert any({"port": 9000, "protocol": "TCP"} in rule["ports"] for rule in ingress)


async def test_over_tls_the_service_has_the_port_of_https(tmp_path: Path) -> None:
    objects = await _rendered(tmp_path, {"enabled": True, "tlsSecret": "tls"})
    (port,) = objects["Service", SERVICE]["spec"]["ports"]
    assert port == {"name": "https", "port": 443, "targetPort": "published"}
    volumes = objects["Deployment", f"{RELEASE}-operator"]["spec"]["template"]["spec"]["volumes"]
    assert {"name": "tls", "secret": {"secretName": "tls"}} in volumes
