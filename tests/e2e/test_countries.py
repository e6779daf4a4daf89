"""One Helm install per country: each operator acts in its own namespaces, and one that goes leaves the other alone."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.sandbox.apply import apply_documents
from tests.sandbox.audit import audit_events
from tests.sandbox.helm import CHARTS, Release
from tests.sandbox.kube_api import Object
from tests.sandbox.rig import GATEWAY, Rig, country_values
from tests.sandbox.waiting import wait_for
from tests.sandbox.weld_models import WELD_MODELS, AppliedWeldModel, example

Trained = dict[str, tuple[Path, str]]

LEFT_ALONE_SECONDS = 5


@dataclass(frozen=True)
class Country:
    """A country's release, in a namespace of the release's name, and its one namespace for models."""

    rig: Rig
    code: str

    @property
    def namespace(self) -> str:
        return f"plant-{self.code}"

    @property
    def values(self) -> Object:
        return self.rig.country_values(self.code, self.namespace)

    @property
    def release(self) -> Release:
        name = f"weldserve-{self.code}"
        return Release(self.rig.helm, name, name)

    @property
    def user(self) -> str:
        return f"system:serviceaccount:{self.release.namespace}:{self.release.name}-operator"

    @property
    def model(self) -> AppliedWeldModel:
        return AppliedWeldModel(self.rig, self.namespace, "north")

    async def install(self) -> None:
        await self.rig.prepare_namespace(self.namespace)
        await self.release.install(self.values)

    async def operators(self) -> set[str]:
        """The uids of its operator's Pods."""
        return {pod["metadata"]["uid"] for pod in await self.rig.operators(self.release)}

    async def may(self, verb: str, resource: str, namespace: str) -> bool:
        """Whether its operator's ServiceAccount may do this."""
        asked = ("auth", "can-i", verb, resource, f"--namespace={namespace}", f"--as={self.user}")
        try:
            return (await self.rig.kubectl(*asked)).strip() == "yes"
        except RuntimeError:  # "no" is an exit code of 1
            return False


@pytest.fixture(scope="module")
async def brazil(rig: Rig) -> Country:
    return Country(rig, "br")


@pytest.fixture(scope="module")
async def norway(rig: Rig) -> Country:
    return Country(rig, "no")


@pytest.fixture(scope="module", autouse=True)
async def installed(brazil: Country, norway: Country) -> AsyncIterator[None]:
    await asyncio.gather(brazil.install(), norway.install())
    yield
    await brazil.model.delete()
    await asyncio.gather(brazil.release.uninstall(), norway.release.uninstall())


@pytest.mark.parametrize(("chart", "values"), [("weldserve-crds", {}), ("weldserve", country_values("br", "plant-br"))])
async def test_helm_finds_nothing_to_say_against_the_charts(rig: Rig, chart: str, values: Object) -> None:
    assert "0 chart(s) failed" in await rig.helm.run("lint", "--strict", str(CHARTS / chart), values=values)


async def test_a_country_without_models_passes_its_test(brazil: Country) -> None:
    assert "Phase:          Succeeded" in await brazil.release.test()


async def test_each_country_serves_its_own_model(brazil: Country, norway: Country, trained: Trained) -> None:
    for country, version in ((brazil, "1.0.0"), (norway, "1.1.0")):
        await country.model.apply(version, trained[version][1])
    await brazil.model.until_stable("1.0.0")
    await norway.model.until_stable("1.1.0")


async def test_a_country_with_a_model_passes_its_test(brazil: Country) -> None:
    assert "Phase:          Succeeded" in await brazil.release.test()


async def test_a_model_where_no_country_is_stays_as_it_is(brazil: Country) -> None:
    nowhere = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "plant-nowhere"}}
    model = example("plant-nowhere", "north")
    async with brazil.rig.api() as api:
        await apply_documents(api, [nowhere, model])
    await asyncio.sleep(LEFT_ALONE_SECONDS)
    abandoned = AppliedWeldModel(brazil.rig, "plant-nowhere", "north")
    assert (await abandoned.body())["status"] == {}
    await abandoned.delete()


async def test_no_operator_asked_for_anything_outside_of_its_country(brazil: Country, norway: Country) -> None:
    for country in (brazil, norway):
        events = list(audit_events(country.rig.plane.audit_log, user=country.user))
        objects = [event["objectRef"] for event in events if "objectRef" in event]
        touched = {reference.get("namespace", "the whole cluster") for reference in objects}
        assert country.namespace in touched
        assert touched <= {country.namespace, country.release.namespace, GATEWAY[0]}
        refused = [event["requestURI"] for event in events if event["responseStatus"]["code"] in (401, 403)]
        assert not refused


async def test_the_rights_of_one_country_end_at_the_other(brazil: Country, norway: Country) -> None:
    for own, other in ((brazil, norway), (norway, brazil)):
        for verb, resource in (
            ("patch", "inferenceservices.serving.kserve.io"),
            ("list", WELD_MODELS[1] + ".weldserve.io"),
            ("list", "pods"),
        ):
            assert await own.may(verb, resource, own.namespace)
            assert not await own.may(verb, resource, other.namespace)
        assert not await own.may("get", "secrets", own.namespace)


async def test_uninstalling_one_country_leaves_the_other_untouched(brazil: Country, norway: Country) -> None:
    operators, pods = await brazil.operators(), await _uids(brazil.model)
    assert operators
    await norway.model.delete()
    await norway.release.uninstall()
    assert not await norway.operators()
    assert await brazil.operators() == operators
    assert await _uids(brazil.model) == pods
    budget = "poddisruptionbudgets"
    await brazil.rig.kubectl("delete", budget, "--all", f"--namespace={brazil.namespace}")
    await wait_for(
        lambda: brazil.rig.kubectl("get", budget, f"--namespace={brazil.namespace}", "--output=name"),
        bool,
        seconds=20,
        what="PodDisruptionBudget, made again by the country's operator",
    )
    await norway.release.install(norway.values)


async def _uids(model: AppliedWeldModel) -> set[str]:
    return {pod["metadata"]["uid"] for pod in await model.ready_pods()}
