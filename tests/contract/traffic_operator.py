"""The operator itself, as a process with its chart's rights, takes WeldModels through a rollout."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import aiohttp

from tests.contract.traffic_cluster import DOMAIN, TrafficCluster
from tests.contract.traffic_site import MODEL, spec_of
from tests.integration.operator_rights import ACCOUNT, HOME, operator_rights
from tests.sandbox.apply import apply_documents
from tests.sandbox.credentials import service_account_kubeconfig
from tests.sandbox.kube_api import Object, path_of
from tests.sandbox.process import Process, free_port
from tests.sandbox.waiting import wait_for
from weld_api import names

SECONDS = 90
PAUSE_SECONDS = 0.05
NEWEST = 5
"""Answers that are the newest."""
ROLLOUT: Object = {"gates": [], "steps": [{"weight": 20, "hold": "2s"}], "analysis": {"interval": "1s"}}
"""As short as can be; without gates, as the servers have no metrics."""


@dataclass
class OperatorFacts:
    """What came of it.

    answers: revisions' digits, or the status of what was no answer, of a steady stream; last_answers: the newest
    asked_again: requests that got nothing at all, so that they were sent again
    """

    url: str = ""
    asked_again: int = 0
    steps: set[int] = field(default_factory=set)
    answers: Counter[str] = field(default_factory=Counter)
    last_answers: Counter[str] = field(default_factory=Counter)
    conditions: dict[str, tuple[str, str]] = field(default_factory=dict)


@asynccontextmanager
async def operator(cluster: TrafficCluster, *namespaces: str) -> AsyncIterator[None]:
    """The operator looks after these namespaces, which are made."""
    api, folder = cluster.api, cluster.folder
    for name in namespaces:
        await cluster.prepare(name)
    await apply_documents(api, [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": HOME}}])
    await apply_documents(api, await operator_rights(folder, *namespaces))
    await service_account_kubeconfig(api, HOME, ACCOUNT, folder / "operator.kubeconfig")
    port = free_port()
    command = [
        *(sys.executable, "-m", "weld_operator", f"--kubeconfig={folder / 'operator.kubeconfig'}"),
        *(f"--namespaces={','.join(namespaces)}", f"--domain={DOMAIN}", "--listen-address=127.0.0.1"),
        f"--http-port={port}",
    ]
    process = Process("operator", command, folder / "logs" / "operator.log", folder=folder)
    process.start()
    try:
        await process.wait_ready(lambda: _is_ready(f"http://127.0.0.1:{port}/readyz"))
        yield
    finally:
        await process.stop()


async def roll_out(
    cluster: TrafficCluster, client: aiohttp.ClientSession, namespace: str, serving: Object
) -> OperatorFacts:
    """Bundle a, then b by a rollout, under a steady stream of requests."""
    facts = OperatorFacts()
    path = path_of(names.API_VERSION, names.PLURAL, namespace, MODEL)
    await _ask(cluster, path, spec_of("a", serving))
    first = await _until(cluster, path, _answers, "first version")
    facts.url = first["url"]
    # The stand-in gateway takes a route on a moment after it was written.
    await wait_for(
        lambda: _status(cluster, client, facts), lambda status: status == 200, seconds=SECONDS, what="answer"
    )
    ending = asyncio.Event()
    recent: list[str] = []
    stream = asyncio.create_task(_stream(cluster, client, namespace, facts, ending, recent))

    async def newest() -> Counter[str]:
        return Counter(recent[-NEWEST:])

    try:
        await _ask(cluster, path, {**spec_of("b", serving), "rollout": ROLLOUT})

        def is_promoted(status: Object) -> bool:
            facts.steps.add(status.get("rollout", {}).get("weight", 0))
            return bool(status["stable"]["digest"] == "b" * 64 and status["phase"] == "Serving")

        last = await _until(cluster, path, is_promoted, "promotion")
        # The stand-in gateway takes that on a moment later, too.
        await wait_for(newest, lambda found: found.keys() == {"b" * 8}, seconds=SECONDS, what="answers of b alone")
    finally:
        ending.set()
        await stream
    facts.conditions = {each["type"]: (each["status"], each["reason"]) for each in last["conditions"]}
    return facts


def _answers(status: Object) -> bool:
    return status.get("phase") == "Serving" and bool(status["url"])


async def _stream(
    cluster: TrafficCluster,
    client: aiohttp.ClientSession,
    namespace: str,
    facts: OperatorFacts,
    ending: asyncio.Event,
    recent: list[str],
) -> None:
    """`recent`: is given who answered, one after the other."""
    host = urlsplit(facts.url).netloc
    pods = path_of("v1", "pods", namespace)
    digits: dict[str, str] = {}
    while not ending.is_set():
        try:
            async with client.post(cluster.gateway_url, headers={"Host": host}) as response:
                pod = (await response.json())["pod"] if response.status == 200 else ""
        except aiohttp.ClientConnectionError:
            # A reload of the stand-in gateway ends connections; a sensor asks again.
            facts.asked_again += 1
            continue
        if pod and pod not in digits:
            found = await cluster.api.list(pods)
            digits |= {
                each["metadata"]["name"]: each["metadata"]["labels"].get(names.REVISION_LABEL, "") for each in found
            }
        recent.append(digits.get(pod, f"status {response.status}"))
        await asyncio.sleep(PAUSE_SECONDS)
    facts.answers = Counter(recent)
    facts.last_answers = Counter(recent[-NEWEST:])


async def _status(cluster: TrafficCluster, client: aiohttp.ClientSession, facts: OperatorFacts) -> int:
    try:
        async with client.post(cluster.gateway_url, headers={"Host": urlsplit(facts.url).netloc}) as response:
            return response.status
    except aiohttp.ClientConnectionError:
        return 0


async def _ask(cluster: TrafficCluster, path: str, spec: Object) -> None:
    body = {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": MODEL},
        "spec": spec,
    }
    await cluster.api.apply(path, body, manager="a-user")


async def _until(cluster: TrafficCluster, path: str, holds: Callable[[Object], bool], what: str) -> Object:
    async def status() -> Object:
        found: Object = (await cluster.api.get(path)).get("status", {})
        return found

    return await wait_for(status, lambda found: bool(found) and holds(found), seconds=SECONDS, what=what)


async def _is_ready(url: str) -> bool:
    try:
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False
