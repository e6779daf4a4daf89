"""The whole life of an operator with the chart's rights: everything that it ever asks an API server for."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.integration.played_site import PlayedSite, place
from tests.sandbox.kube_api import Object
from tests.sandbox.waiting import wait_for
from tests.unit.operator.cluster_objects import revision_of, spec_of
from weld_api.names import MODEL_LABEL, predictor_name
from weld_api.shadow import shadow_name
from weld_operator.kinds import CONFIG_MAP, HTTP_ROUTE, INFERENCE_SERVICE, POD_DISRUPTION_BUDGET, WELD_MODEL, Kind

MODEL = "north-line"
ADMISSION_PLUGIN = "OwnerReferencesPermissionEnforcement"
WITNESS = "tests.permissions.witness"


@asynccontextmanager
async def after_a_life(folder: Path) -> AsyncIterator[PlayedSite]:
    """A site where operators have lived; none runs any more, and the audit log has all that they asked for."""
    async with PlayedSite.start(folder, admission_plugins=[ADMISSION_PLUGIN]) as site:
        await site.start_operator("one", module=WITNESS)
        await _a_model_is_served(site)
        await _what_others_do_is_put_right(site)
        await _the_next_version_is_served(site)
        await _another_one_is_tried(site)
        await _another_replica_takes_over(site)
        yield site


async def _a_model_is_served(site: PlayedSite) -> None:
    await site.until_led_by("one")
    await _ask(site, "a")
    await site.serve(revision_of("a"))
    await _until_serving(site, "a")


async def _what_others_do_is_put_right(site: PlayedSite) -> None:
    name = revision_of("a")
    for kind, each in ((POD_DISRUPTION_BUDGET, name), (HTTP_ROUTE, MODEL), (INFERENCE_SERVICE, name)):
        await _delete(site, kind, each)
    await site.serve(name)
    await _until_serving(site, "a")
    for kind, each in ((INFERENCE_SERVICE, name), (HTTP_ROUTE, MODEL)):
        await site.api.patch(place(kind, each), {"metadata": {"labels": {MODEL_LABEL: "stolen"}}})
        await site.until(kind, each, lambda body: body["metadata"]["labels"][MODEL_LABEL] == MODEL, what="our label")
    await _copy_the_route(site)


async def _delete(site: PlayedSite, kind: Kind, name: str) -> None:
    """Somebody deletes it, and it is made anew."""
    before = await site.until(kind, name)
    await site.api.delete(place(kind, name))
    await site.until(
        kind, name, lambda body: bool(body["metadata"]["uid"] != before["metadata"]["uid"]), what="made anew"
    )


async def _copy_the_route(site: PlayedSite) -> None:
    """A copy with our label and owner is surplus."""
    copied = copy.deepcopy(await site.until(HTTP_ROUTE, MODEL))
    copied["metadata"] = {
        "name": f"{MODEL}-copy",
        **{field: copied["metadata"][field] for field in ("labels", "ownerReferences")},
    }
    copied.pop("status", None)
    await site.api.apply(place(HTTP_ROUTE, f"{MODEL}-copy"), copied, manager="a-user")
    await site.until_gone(HTTP_ROUTE, f"{MODEL}-copy")


async def _the_next_version_is_served(site: PlayedSite) -> None:
    await _ask(site, "b")
    await site.serve(revision_of("b"))
    await _until_serving(site, "b")
    await site.until_gone(INFERENCE_SERVICE, revision_of("a"))
    await site.until_gone(POD_DISRUPTION_BUDGET, revision_of("a"))


async def _another_one_is_tried(site: PlayedSite) -> None:
    """Somebody deletes what tells the stable revision whom it shadows; then the trial is given up."""
    await _ask(site, "c", rollout={"shadow": {"for": "1h"}, "analysis": {"interval": "1s"}})
    await site.serve(revision_of("c"))
    await site.until(
        WELD_MODEL,
        MODEL,
        lambda body: bool(body["status"].get("rollout", {}).get("lookedAt")),
        what="judged by its gates",
    )
    order = shadow_name(revision_of("b"))
    await _delete(site, CONFIG_MAP, order)
    await _ask(site, "b")
    await site.until_gone(CONFIG_MAP, order)
    await site.until_gone(INFERENCE_SERVICE, revision_of("c"))


async def _another_replica_takes_over(site: PlayedSite) -> None:
    await site.start_operator("two", module=WITNESS)
    await site.stop_operator("one")
    await site.until_led_by("two")
    await _delete(site, HTTP_ROUTE, MODEL)
    await site.api.delete(place(WELD_MODEL, MODEL))
    await site.until_gone(WELD_MODEL, MODEL)
    await site.stop_operator("two")
    await wait_for(site.leader, lambda seen: seen == "", seconds=5, what="a Lease that is given back")


async def _ask(site: PlayedSite, letter: str, rollout: Object | None = None) -> None:
    body: Object = {
        "apiVersion": WELD_MODEL.api_version,
        "kind": WELD_MODEL.name,
        "metadata": {"name": MODEL},
        "spec": spec_of(letter, retireAfter="1s"),
    }
    if rollout is not None:
        body["spec"]["rollout"] = rollout
    await site.api.apply(place(WELD_MODEL, MODEL), body, manager="a-user")


async def _until_serving(site: PlayedSite, letter: str) -> None:
    """The revision answers, by its route and by the WeldModel's status."""
    await site.until(
        HTTP_ROUTE,
        MODEL,
        lambda body: body["spec"]["rules"][0]["backendRefs"][0]["name"] == predictor_name(revision_of(letter)),
        what=f"to version {letter}",
    )
    await site.until(
        WELD_MODEL,
        MODEL,
        lambda body: body.get("status", {}).get("stable", {}).get("digest") == letter * 64,
        what=f"version {letter} stable",
    )
