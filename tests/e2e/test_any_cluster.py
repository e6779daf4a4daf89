"""What a platform team does, from the first install to the last delete: in the rig, or in a cluster that is given."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.sandbox.helm import Release
from tests.sandbox.kube_api import path_of
from tests.sandbox.sensor_stream import Readings, SensorStream, Tally
from tests.sandbox.site import Site
from tests.sandbox.waiting import wait_for
from tests.sandbox.weld_models import (
    DISRUPTION_BUDGETS,
    HTTP_ROUTES,
    INFERENCE_SERVICES,
    PODS,
    WELD_MODELS,
    AppliedWeldModel,
    example,
)

Trained = dict[str, tuple[Path, str]]

GATEWAYS = 10
MADE = (WELD_MODELS, INFERENCE_SERVICES, HTTP_ROUTES, DISRUPTION_BUDGETS, ("apps/v1", "deployments"), PODS)
HEALED_WITHIN_SECONDS = 60
NAMED_WITHIN_SECONDS = 120


@dataclass(frozen=True)
class Country:
    """A country's release, and the namespace that it may use; the mark keeps their names from being taken."""

    site: Site
    code: str
    mark: str = field(default_factory=partial(secrets.token_hex, 3))

    @property
    def namespace(self) -> str:
        return f"plant-{self.code}-{self.mark}"

    @property
    def release(self) -> Release:
        return Release(self.site.helm, f"weldserve-{self.code}-{self.mark}", self.namespace)

    def model(self, name: str) -> AppliedWeldModel:
        return AppliedWeldModel(self.site, self.namespace, name)

    async def install(self) -> None:
        await self.site.prepare_namespace(self.namespace)
        await self.release.install(self.site.country_values(self.code, self.namespace))


@pytest.fixture(scope="module")
async def argentina(site: Site) -> Country:
    country = Country(site, "ar")
    await country.install()
    return country


@pytest.fixture(scope="module")
async def peru(site: Site) -> Country:
    country = Country(site, "pe")
    await country.install()
    return country


@pytest.fixture(scope="module")
async def model(argentina: Country, trained: Trained) -> AsyncIterator[AppliedWeldModel]:
    """A model that serves 1.0.0 at first."""
    applied = argentina.model("first")
    await applied.apply("1.0.0", trained["1.0.0"][1])
    await applied.until_stable("1.0.0")
    yield applied
    await applied.delete()


async def test_a_weld_model_serves_and_answers_as_its_estimator_does(
    site: Site, model: AppliedWeldModel, readings: Readings
) -> None:
    body = await model.until_stable("1.0.0")
    assert body["status"]["observedGeneration"] == body["metadata"]["generation"]
    assert body["status"]["replicas"] == {"desired": 2, "ready": 2}
    assert body["status"]["readingsPerSecond"] == "100000"
    stream = SensorStream(site.endpoint(model.namespace, model.name), readings, gateways=20, tick_seconds=0.05)
    tally = await stream.run(requests_each=3)
    assert not tally.wrong
    assert tally.answered == tally.sent == 3 * len(readings.sensor_ids)
    assert set(tally.by_version) == {"1.0.0"}
    assert tally.precision > 0.8
    assert np.isfinite(tally.latency(0.99))


async def test_kubectl_shows_what_a_person_wants(site: Site, model: AppliedWeldModel) -> None:
    heading, line = (await site.kubectl("get", "wm", model.name, "-n", model.namespace)).splitlines()
    columns = ["NAME", "ASSET", "STABLE", "CANDIDATE", "WEIGHT", "PHASE", "READINGS/S", "READY", "AGE"]
    assert heading.split() == columns
    assert line.split()[:6] == ["first", "north-line", "1.0.0", "Serving", "100000", "2"]
    assert "1.0.0" in await site.kubectl("events", "-n", model.namespace, "--for", f"weldmodel/{model.name}")


async def test_the_platform_has_all_that_is_needed(model: AppliedWeldModel) -> None:
    condition = await model.condition("PlatformReady")
    assert (condition["status"], condition["reason"]) == ("True", "AllFound"), condition["message"]


async def test_helm_test_scores_a_reading_with_it(argentina: Country, model: AppliedWeldModel) -> None:
    await model.until_stable("1.0.0")
    assert "Phase:          Succeeded" in await argentina.release.test()


async def test_what_is_deleted_or_edited_comes_back(site: Site, model: AppliedWeldModel) -> None:
    (before,) = await model.owned(INFERENCE_SERVICES)
    await model.remove(DISRUPTION_BUDGETS, before["metadata"]["name"])
    await model.remove(HTTP_ROUTES, model.name)
    for resource in (DISRUPTION_BUDGETS, HTTP_ROUTES):
        await wait_for(partial(model.owned, resource), bool, seconds=HEALED_WITHIN_SECONDS, what=resource[1])
    edit = '{"spec": {"predictor": {"maxReplicas": 9}}}'
    name = before["metadata"]["name"]
    await site.kubectl("patch", "inferenceservice", name, "-n", model.namespace, "--type=merge", f"--patch={edit}")

    async def most() -> int:
        (service,) = await model.owned(INFERENCE_SERVICES)
        return int(service["spec"]["predictor"]["maxReplicas"])

    wanted = before["spec"]["predictor"]["maxReplicas"]
    await wait_for(most, lambda seen: seen == wanted, seconds=HEALED_WITHIN_SECONDS, what="edit undone")


async def test_wrong_input_is_refused_by_the_name_of_the_field(site: Site, model: AppliedWeldModel) -> None:
    wrong = example(model.namespace, "wrong")
    wrong["spec"]["workload"]["readingsPerTick"] = 0
    with pytest.raises(RuntimeError, match=r"spec\.workload\.readingsPerTick"):
        await site.kubectl("apply", "-f", "-", document=wrong)


async def test_a_wrong_digest_is_named_and_the_old_version_answers_on(
    model: AppliedWeldModel, trained: Trained, readings: Readings
) -> None:
    await model.apply("1.1.0", "0" * 64)
    async with SensorStream(model.endpoint, readings, gateways=GATEWAYS).streaming() as tally:
        condition = await wait_for(
            lambda: model.condition("Progressing"),
            lambda found: found.get("reason") == "BundleRefused",
            seconds=NAMED_WITHIN_SECONDS,
            what="a refused bundle",
        )
        assert "000000" in condition["message"]
        await _until_answered(tally, "1.0.0")
    tally.assert_complete()
    assert set(tally.by_version) == {"1.0.0"}
    await model.apply("1.0.0", trained["1.0.0"][1])
    await model.until_stable("1.0.0", alone=True)


async def test_the_switch_to_the_next_version_loses_no_reading(
    model: AppliedWeldModel, trained: Trained, readings: Readings
) -> None:
    async with SensorStream(model.endpoint, readings, gateways=GATEWAYS).streaming() as tally:
        await _until_answered(tally, "1.0.0")
        await model.apply("1.1.0", trained["1.1.0"][1])
        await model.until_stable("1.1.0", alone=True)
        await _until_answered(tally, "1.1.0")
    tally.assert_complete()
    assert set(tally.by_version) == {"1.0.0", "1.1.0"}


async def test_a_second_country_serves_its_own_and_goes_without_a_trace_in_the_first(
    model: AppliedWeldModel, peru: Country, trained: Trained
) -> None:
    pods = {pod["metadata"]["uid"] for pod in await model.ready_pods()}
    other = peru.model("first")
    await other.apply("1.0.0", trained["1.0.0"][1])
    await other.until_stable("1.0.0")
    await other.delete()
    await _until_nothing_is_left(other)
    await peru.release.uninstall()
    assert {pod["metadata"]["uid"] for pod in await model.ready_pods()} == pods
    await model.remove(DISRUPTION_BUDGETS, (await model.owned(DISRUPTION_BUDGETS))[0]["metadata"]["name"])
    await wait_for(
        lambda: model.owned(DISRUPTION_BUDGETS),
        bool,
        seconds=HEALED_WITHIN_SECONDS,
        what="PodDisruptionBudget, by the first country's operator",
    )


async def test_nothing_is_left_of_a_deleted_weld_model(argentina: Country, model: AppliedWeldModel) -> None:
    await model.delete()
    await _until_nothing_is_left(model)
    await argentina.release.uninstall()


async def _until_answered(tally: Tally, version: str) -> None:
    before = tally.by_version[version]

    async def more() -> int:
        return tally.by_version[version] - before

    await wait_for(more, lambda readings: readings > 0, seconds=60, what=f"answers by {version}")


async def _until_nothing_is_left(model: AppliedWeldModel) -> None:
    async def left() -> list[str]:
        found = []
        async with model.site.api() as api:
            for resource in MADE:
                items = await api.list(path_of(*resource, model.namespace))
                found += [
                    f"{resource[1]}/{item['metadata']['name']}"
                    for item in items
                    if item["metadata"]["name"] == model.name or item["metadata"]["name"].startswith(f"{model.name}-")
                ]
        return found

    await wait_for(left, lambda found: not found, seconds=120, what="end of all that it became")
