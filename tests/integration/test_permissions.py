"""The operator works with exactly the chart's permissions: each is used by known code, and none can be left out."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.operator_rights import ACCOUNT, HOME, USER, operator_rights
from tests.integration.played_site import NAMESPACE, PlayedSite, place
from tests.permissions.life import after_a_life
from tests.permissions.record import PAGE, PLACE_OF, chart_grants, used_in
from tests.permissions.table import FINALIZERS_UPDATE, Permission, of_rule, page, permissions_of
from tests.sandbox.apply import apply_documents
from tests.sandbox.audit import audit_events
from tests.sandbox.credentials import service_account_kubeconfig
from tests.sandbox.helm import Helm
from tests.sandbox.kube_api import ApiError, KubeApi, Object, path_of
from tests.sandbox.rig import country_values
from tests.sandbox.tools import ensure
from tests.sandbox.waiting import wait_for
from weld_operator.kinds import POD_DISRUPTION_BUDGET

NAMESPACE_OF = {place: namespace for namespace, place in PLACE_OF.items()}
REVIEWS = path_of("authorization.k8s.io/v1", "subjectaccessreviews")
AT_ONCE = 32
BUDGET_CREATE = Permission("country", POD_DISRUPTION_BUDGET.group, POD_DISRUPTION_BUDGET.plural, "create")


@pytest.fixture(scope="module")
async def may(tmp_path_factory: pytest.TempPathFactory) -> set[Permission]:
    return await chart_grants(tmp_path_factory.mktemp("chart"))


@pytest.fixture(scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PlayedSite]:
    async with after_a_life(tmp_path_factory.mktemp("life")) as site:
        yield site


async def test_the_page_lists_what_the_chart_grants(may: set[Permission]) -> None:
    assert permissions_of(PAGE.read_text()) == may, "run `make permissions` and commit the result"


async def test_a_country_without_namespaces_of_its_own_grants_the_same(tmp_path: Path, may: set[Permission]) -> None:
    helm = Helm((await asyncio.to_thread(ensure, ["helm"]))["helm"], tmp_path)
    values = {**country_values("br"), "clusterWide": True, "runtime": {"clusterWide": True}}
    documents = await helm.template("weldserve", "weldserve", HOME, values)
    (role,) = [each for each in documents if each["kind"] == "ClusterRole" and each["metadata"]["name"] == ACCOUNT]
    whole = {permission for rule in role["rules"] for permission in of_rule(rule, "country")}
    assert whole == {permission for permission in may if permission.place == "country"}


async def test_the_operator_is_never_refused(site: PlayedSite) -> None:
    refused = [
        (event["verb"], event["requestURI"])
        for event in audit_events(site.plane.audit_log, user=USER)
        if event["responseStatus"]["code"] in (401, 403)
    ]
    assert not refused


async def test_it_uses_what_the_chart_grants_and_nothing_else(site: PlayedSite, may: set[Permission]) -> None:
    used = set(used_in(site, may))
    assert sorted(used - may) == [], "asked for and not granted"
    assert sorted(may - used) == [], "granted and never used"


async def test_the_page_names_the_code_that_uses_each(site: PlayedSite, may: set[Permission]) -> None:
    assert PAGE.read_text() == page(used_in(site, may)), "run `make permissions` and commit the result"


async def test_no_permission_can_be_left_out(site: PlayedSite, tmp_path: Path, may: set[Permission]) -> None:
    """The chart without one verb, for each: an account with the rest may do the rest, and not that."""
    rights = await operator_rights(tmp_path, NAMESPACE)
    accounts = {f"without-{number}": left_out for number, left_out in enumerate(sorted(may))}
    assert len(accounts) >= 30
    await apply_documents(
        site.api, [each for name, left_out in accounts.items() for each in _without(rights, left_out, name)]
    )
    last = list(accounts)[-1]
    await _until_allowed(site.api, last, may - {accounts[last]})
    wrong = {
        left_out: allowed ^ (may - {left_out})
        for name, left_out in accounts.items()
        if (allowed := await _allowed(site.api, name, may)) != may - {left_out}
    }
    assert not wrong, "left out, and what is then allowed or refused beside it"


@pytest.mark.parametrize(
    ("left_out", "refusal"),
    [(BUDGET_CREATE, "cannot patch|cannot create"), (FINALIZERS_UPDATE, "cannot set blockOwnerDeletion")],
    ids=["create", "finalizers"],
)
async def test_what_no_request_names_is_needed_to_make_an_object(
    site: PlayedSite, tmp_path: Path, may: set[Permission], left_out: Permission, refusal: str
) -> None:
    """A server-side apply of what is not there needs more than a patch: held against the API server itself."""
    name = f"without-{left_out.resource.replace('/', '-')}"
    rights = await operator_rights(tmp_path, NAMESPACE)
    await apply_documents(site.api, [*_without(rights, left_out, name), *_without(rights, None, "with-all")])
    await _until_allowed(site.api, "with-all", may)
    async with (
        await _as_account(site, name, tmp_path) as reduced,
        await _as_account(site, "with-all", tmp_path) as whole,
    ):
        with pytest.raises(ApiError, match=refusal) as refused:
            await reduced.apply(place(POD_DISRUPTION_BUDGET, "tried"), _budget(), manager="tried")
        assert refused.value.status == 403
        made = await whole.apply(place(POD_DISRUPTION_BUDGET, "tried"), _budget(), manager="tried")
        assert made["metadata"]["ownerReferences"]
    await site.api.delete(place(POD_DISRUPTION_BUDGET, "tried"))


def _without(rights: list[Object], left_out: Permission | None, name: str) -> list[Object]:
    """The chart's rights less one verb, for an account of this name."""
    account = {"kind": "ServiceAccount", "name": name, "namespace": HOME}
    documents: list[Object] = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": HOME}}
    ]
    operator_s = {
        (each["metadata"]["namespace"], each["roleRef"]["name"]): each
        for each in rights
        if each["kind"] == "RoleBinding" and each["subjects"][0]["name"] == ACCOUNT
    }
    for role in rights:
        about = role["metadata"]
        binding = operator_s.get((about.get("namespace"), about["name"]))
        if role["kind"] != "Role" or binding is None:
            continue
        named = {"name": f"{about['name']}-{name}", "namespace": about["namespace"]}
        rules = [_rule_without(rule, left_out, PLACE_OF[about["namespace"]]) for rule in role["rules"]]
        documents.append({**role, "metadata": named, "rules": [rule for rule in rules if rule["verbs"]]})
        reference = {**binding["roleRef"], "name": named["name"]}
        documents.append({**binding, "metadata": named, "roleRef": reference, "subjects": [account]})
    return documents


def _rule_without(rule: Object, left_out: Permission | None, where: str) -> Object:
    rule = copy.deepcopy(rule)
    rule["verbs"] = [verb for verb in rule["verbs"] if left_out not in set(of_rule({**rule, "verbs": [verb]}, where))]
    return rule


async def _until_allowed(api: KubeApi, account: str, what: set[Permission]) -> None:
    """Wait until the API server's authorizer has read the last Roles."""
    await wait_for(
        lambda: _allowed(api, account, what), lambda seen: seen == what, seconds=20, what=f"rights of {account}"
    )


async def _allowed(api: KubeApi, account: str, asked: set[Permission]) -> set[Permission]:
    """What an account may do of this, as the API server reviews it."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def review(permission: Permission) -> bool:
        resource, _, subresource = permission.resource.partition("/")
        attributes = {
            "namespace": NAMESPACE_OF[permission.place],
            "group": permission.group,
            "resource": resource,
            "subresource": subresource,
            "verb": permission.verb,
            "name": permission.name,
        }
        spec = {"user": f"system:serviceaccount:{HOME}:{account}", "resourceAttributes": attributes}
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
        async with turns:
            return bool((await api.create(REVIEWS, body))["status"]["allowed"])

    order = sorted(asked)
    answers = await asyncio.gather(*(review(permission) for permission in order))
    return {permission for permission, is_allowed in zip(order, answers, strict=True) if is_allowed}


async def _as_account(site: PlayedSite, name: str, folder: Path) -> KubeApi:
    return KubeApi.from_kubeconfig(
        await service_account_kubeconfig(site.api, HOME, name, folder / f"{name}.kubeconfig")
    )


def _budget() -> Object:
    owner = {
        "apiVersion": "weldserve.io/v1alpha1",
        "kind": "WeldModel",
        "name": "north-line",
        "uid": "11111111-1111-4111-8111-111111111111",
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {
        "apiVersion": POD_DISRUPTION_BUDGET.api_version,
        "kind": POD_DISRUPTION_BUDGET.name,
        "metadata": {"name": "tried", "namespace": NAMESPACE, "ownerReferences": [owner]},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "tried"}}},
    }
