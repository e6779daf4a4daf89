"""The API server itself refuses a WeldModel that breaks a country's residency, and names the rule."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.integration.test_weld_model_schema import kubectl_apply, weld_model
from tests.sandbox.apply import apply_documents
from tests.sandbox.control_plane import ControlPlane
from tests.sandbox.helm import Helm
from tests.sandbox.kube_api import Object, path_of
from tests.sandbox.tools import ensure
from tests.sandbox.waiting import wait_for

NAMESPACE = "plant-resident"
RELEASE = "weldserve-br"
VALUES: Object = {
    "country": "br",
    "namespaces": [NAMESPACE],
    "residency": {"stores": ["s3://models-br/"], "countries": ["BR"]},
}
PLURALS = {
    "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
}
STORE = "breaks residency.stores of country br: it must begin with s3://models-br/"
ABROAD = "spec.regions: region lima in PE breaks residency.countries of country br: it must be in BR"


@pytest.fixture(scope="module", autouse=True)
async def guarded(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[None]:
    """The release's policy, in force for its namespace."""
    program = (await asyncio.to_thread(ensure, ["helm"]))["helm"]
    helm = Helm(program, tmp_path_factory.mktemp("helm"))
    rendered = await helm.template(RELEASE, "weldserve", RELEASE, VALUES)
    rules = [document for document in rendered if document["kind"] in PLURALS]
    before: Object = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    async with control_plane.api() as api:
        await apply_documents(api, [before, _model("before", "s3://elsewhere/weld")])
        await apply_documents(api, rules)
        try:
            await wait_for(
                lambda: kubectl_apply(control_plane, _model("probe", "s3://elsewhere/weld"), "--dry-run=server"),
                lambda answer: STORE in answer[1],
                seconds=30,
                what="policy in force",
            )
            yield
        finally:
            for rule in rules:
                about = rule["metadata"]["name"]
                await api.delete(path_of(rule["apiVersion"], PLURALS[rule["kind"]], name=about))


def _model(name: str, uri: str = "s3://models-br/weld", countries: tuple[str | None, ...] = ()) -> Object:
    document = weld_model(name)
    document["metadata"]["namespace"] = NAMESPACE
    document["spec"]["model"]["uri"] = uri
    if countries:
        names = ("rio", "lima")
        document["spec"]["regions"] = [
            _region(region, country) for region, country in zip(names, countries, strict=True)
        ]
    return document


def _region(name: str, country: str | None) -> dict[str, Any]:
    region: dict[str, Any] = {"name": name, "cluster": {"local": {}}, "share": 50}
    return region if country is None else {**region, "country": country}


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        pytest.param(_model("a", "s3://models-us/weld"), STORE, id="another store"),
        pytest.param(_model("b", countries=("BR", "PE")), ABROAD, id="another country"),
    ],
)
async def test_what_breaks_a_rule_is_refused_by_its_name(
    control_plane: ControlPlane, document: Object, sentence: str
) -> None:
    code, output = await kubectl_apply(control_plane, document)
    assert code != 0
    assert sentence in output


@pytest.mark.parametrize("countries", [(), ("BR", "BR"), ("BR", None)])
async def test_what_keeps_the_rules_is_taken(control_plane: ControlPlane, countries: tuple[str | None, ...]) -> None:
    code, output = await kubectl_apply(control_plane, _model("kept", countries=countries), "--dry-run=server")
    assert code == 0, output


async def test_another_namespace_is_not_concerned(control_plane: ControlPlane) -> None:
    document = weld_model("elsewhere")
    code, output = await kubectl_apply(control_plane, document, "--dry-run=server")
    assert code == 0, output


async def test_what_was_there_before_may_be_annotated_and_not_changed(control_plane: ControlPlane) -> None:
    document = _model("before", "s3://elsewhere/weld")
    document["metadata"]["annotations"] = {"note": "checked"}
    code, output = await kubectl_apply(control_plane, document, "--server-side", "--force-conflicts")
    assert code == 0, output
    document["spec"]["model"]["uri"] = "s3://elsewhere/other"
    code, output = await kubectl_apply(control_plane, document, "--server-side", "--force-conflicts")
    assert code != 0
    assert STORE in output
