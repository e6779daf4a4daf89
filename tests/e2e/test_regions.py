"""Two clusters, each with a real control plane, serve the regions of one WeldModel from one operator."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.e2e.two_clusters import NORTH, TwoClusters
from tests.sandbox.kube_api import Object
from tests.unit.operator.cluster_objects import spec_of
from weld_api.names import predictor_name
from weld_operator.kinds import CONFIG_MAP, DEPLOYMENT, HTTP_ROUTE, INFERENCE_SERVICE, POD_DISRUPTION_BUDGET

MODEL = "north-line"
ROLLOUT: Object = {
    "gates": [],
    "steps": [{"weight": 20, "hold": "1s"}],
    "analysis": {"interval": "1s"},
    "waves": [{"regions": ["south"], "bake": "1s"}, {"regions": ["north"], "bake": "1s"}],
}
SOUTH: Object = {"name": "south", "cluster": {"local": {}}, "share": 60, "failoverTo": ["north"]}
FAR: Object = {"name": "north", "cluster": {"kubeconfigSecret": NORTH}, "share": 40, "failoverTo": ["south"]}
ALONE: Object = {"name": "south", "cluster": {"local": {}}, "share": 100}
OWNED = (INFERENCE_SERVICE, HTTP_ROUTE, POD_DISRUPTION_BUDGET)


@pytest.fixture(scope="module")
async def both(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TwoClusters]:
    async with TwoClusters.start(tmp_path_factory.mktemp("two-clusters")) as running:
        yield running


def _spec(letter: str, *regions: Object, rollout: Object | None = None) -> Object:
    return {**spec_of(letter), "regions": list(regions), **({} if rollout is None else {"rollout": rollout})}


def _stable(status: Object) -> dict[str, str]:
    """The bundles that answer, by region."""
    return {each["name"]: each["stable"]["digest"][0] for each in status.get("regions", []) if "stable" in each}


def _region(status: Object, name: str) -> Object:
    return next((each for each in status.get("regions", []) if each["name"] == name), {})


def _revision(region: str, letter: str) -> str:
    return f"{MODEL}-{region}-{letter * 8}"


async def test_each_region_is_served_in_its_own_cluster(both: TwoClusters) -> None:
    await both.apply(MODEL, _spec("a", SOUTH, FAR))
    status = await both.until(MODEL, lambda status: status.get("phase") == "Serving", "both regions")
    assert _stable(status) == {"south": "a", "north": "a"}
    assert await both.home.names(INFERENCE_SERVICE) == {_revision("south", "a")}
    assert await both.home.names(HTTP_ROUTE) == {MODEL, f"{MODEL}-south"}
    assert await both.north.names(INFERENCE_SERVICE) == {_revision("north", "a")}
    assert await both.north.names(HTTP_ROUTE) == {f"{MODEL}-north"}
    assert f"{MODEL}.anchor" in await both.north.names(CONFIG_MAP)


async def test_a_change_in_the_other_cluster_is_noticed_and_put_right(both: TwoClusters) -> None:
    path = f"/apis/{HTTP_ROUTE.api_version}/namespaces/plant-a/{HTTP_ROUTE.plural}/{MODEL}-north"
    await both.north.api.delete(path)
    await both.north.until_names({f"{MODEL}-north"}, HTTP_ROUTE)


async def test_a_bundle_goes_through_the_regions_in_waves(both: TwoClusters) -> None:
    seen: list[dict[str, str]] = []

    def note(status: Object) -> None:
        if _stable(status) not in seen:
            seen.append(_stable(status))

    await both.apply(MODEL, _spec("b", SOUTH, FAR, rollout=ROLLOUT))
    done = {"south": "b", "north": "b"}
    await both.until(MODEL, lambda status: _stable(status) == done, "both waves", seen=note)
    assert {"south": "a", "north": "b"} not in seen
    assert {"south": "b", "north": "a"} in seen


async def test_credentials_are_replaced_without_a_restart(both: TwoClusters) -> None:
    old = await both.replace_token()
    await both.bring_credentials()
    await both.until_refused(old)
    await both.apply(MODEL, _spec("c", SOUTH, FAR))
    done = {"south": "c", "north": "c"}
    await both.until(MODEL, lambda status: _stable(status) == done, "both regions by the new token")


async def test_a_lost_cluster_is_marked_delays_no_other_and_heals(both: TwoClusters) -> None:
    await both.north.plane.kill_api_server()
    lost = await both.until(MODEL, lambda status: "unreachableSince" in _region(status, "north"), "a mark")
    assert _region(lost, "north")["stable"]["digest"] == "c" * 64
    await both.apply(MODEL, _spec("d", SOUTH, FAR))
    found = await both.until(MODEL, lambda status: _stable(status) == {"south": "d", "north": "c"}, "the other region")
    assert "unreachableSince" in _region(found, "north")
    await both.north.plane.start_api_server()
    done = {"south": "d", "north": "d"}
    back = await both.until(MODEL, lambda status: _stable(status) == done, "the region that is back")
    assert "unreachableSince" not in _region(back, "north")


async def test_a_region_that_is_removed_leaves_nothing_behind(both: TwoClusters) -> None:
    await both.apply(MODEL, _spec("d", ALONE))
    await both.north.until_names(set(), *OWNED, DEPLOYMENT)
    await both.until(MODEL, lambda status: list(_stable(status)) == ["south"], "one region alone")
    assert f"{MODEL}.anchor" not in await both.north.names(CONFIG_MAP)
    assert predictor_name(_revision("south", "d")) in await both.home.names(DEPLOYMENT)


async def test_a_deleted_weld_model_leaves_nothing_in_the_other_cluster(both: TwoClusters) -> None:
    await both.apply(MODEL, _spec("d", SOUTH, FAR))
    await both.until(MODEL, lambda status: _stable(status) == {"south": "d", "north": "d"}, "both regions again")
    await both.delete(MODEL)
    await both.until_gone(MODEL)
    await both.north.until_names(set(), *OWNED)
    await both.home.until_names(set(), *OWNED)


async def test_a_weld_model_is_deleted_though_the_other_cluster_is_lost_and_what_is_left_is_told(
    both: TwoClusters,
) -> None:
    await both.apply(MODEL, _spec("a", SOUTH, FAR))
    await both.until(MODEL, lambda status: status.get("phase") == "Serving", "both regions")
    await both.north.plane.kill_api_server()
    await both.delete(MODEL)
    await both.until_gone(MODEL)
    assert any(f"Delete ConfigMap {MODEL}.anchor" in message for message in await both.messages())
