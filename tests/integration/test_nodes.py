"""Stand-in nodes under a real control plane: Pods are scheduled, run, reported, replaced and ended."""

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.integration.echo_pods import available, deployment, echo_container, is_true, pod
from tests.sandbox.apply import apply_documents
from tests.sandbox.control_plane import ControlPlane
from tests.sandbox.kube_api import KubeApi, Object, path_of
from tests.sandbox.process import Process, free_port
from tests.sandbox.waiting import wait_for

NAMESPACE = "nodes"
PODS = path_of("v1", "pods", NAMESPACE)


@dataclass
class Nodes:
    """Two nodes of two zones, and a session with the API server."""

    api: KubeApi
    folder: Path
    processes: dict[str, Process]

    async def create(self, item: Object) -> Object:
        return await self.api.create(PODS, item)

    async def pod(self, name: str) -> Object:
        return await self.api.get(f"{PODS}/{name}")

    async def pods(self, label: str) -> list[Object]:
        return await self.api.list(PODS, label_selector=label)

    async def reaches(self, name: str, phase: str) -> Object:
        return await wait_for(
            lambda: self.pod(name),
            lambda found: found.get("status", {}).get("phase") == phase,
            seconds=30,
            what=f"Pod {name} in phase {phase}",
        )

    async def waits(self, name: str, reason: str, statuses: str = "containerStatuses") -> Object:
        """Wait until the only container waits for a reason; its status."""
        found = await wait_for(
            lambda: self.pod(name),
            lambda one: waiting_reason(one, statuses) == reason,
            seconds=30,
            what=f"container of {name} that waits for {reason}",
        )
        status: Object = found["status"][statuses][0]
        return status

    async def is_gone(self, name: str) -> None:
        await wait_for(
            lambda: self.api.get_or_none(f"{PODS}/{name}"),
            lambda found: found is None,
            seconds=30,
            what=f"end of Pod {name}",
        )

    def log(self, name: str, container: str) -> str:
        """What a container wrote, on whichever node it ran."""
        (file,) = self.folder.glob(f"*/pods/{NAMESPACE}_{name}/{container}.log")
        return file.read_text()


def waiting_reason(found: Object, statuses: str) -> str:
    for status in found.get("status", {}).get(statuses, []):
        reason: str = status["state"].get("waiting", {}).get("reason", "")
        return reason
    return ""


def python(code: str, **more: Any) -> Object:
    """A container that runs a few lines of Python."""
    return {"name": "main", "image": "example.com/python:3", "command": ["python3", "-c", code]} | more


@pytest.fixture(scope="module")
async def nodes(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Nodes]:
    folder = tmp_path_factory.mktemp("nodes")
    processes = {}
    for name, zone in (("node-1", "br-south-a"), ("node-2", "br-south-b")):
        flags = {
            "kubeconfig": control_plane.kubeconfig,
            "name": name,
            "zone": zone,
            "region": "br-south",
            "folder": folder / name,
        }
        command = [sys.executable, "-m", "tests.sandbox.node", *(f"--{flag}={value}" for flag, value in flags.items())]
        processes[name] = Process(name, command, folder / f"{name}.log")
    try:
        for process in processes.values():
            process.start()
        async with control_plane.api() as api:
            await apply_documents(api, [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}])
            for name, process in processes.items():
                await process.wait_ready(partial(registered, api, name))
            await account_is_there(api)
            yield Nodes(api, folder, processes)
            await api.delete(path_of("v1", "namespaces", name=NAMESPACE))
    finally:
        await asyncio.gather(*(process.stop() for process in processes.values()))
    async with control_plane.api() as api:
        for name in processes:
            await api.delete(path_of("v1", "nodes", name=name))


async def registered(api: KubeApi, name: str) -> bool:
    found = await api.get_or_none(path_of("v1", "nodes", name=name))
    return found is not None and is_true(found, "Ready") and not found["spec"].get("taints")


async def account_is_there(api: KubeApi) -> None:
    path = path_of("v1", "serviceaccounts", NAMESPACE, "default")
    await wait_for(lambda: api.get_or_none(path), lambda found: found is not None, seconds=30, what="service account")


def ready(found: Object) -> bool:
    return is_true(found, "Ready") and "deletionTimestamp" not in found["metadata"]


async def test_a_deployment_of_two_becomes_available_on_addresses_of_its_own(nodes: Nodes) -> None:
    deployments = path_of("apps/v1", "deployments", NAMESPACE)
    await nodes.api.create(deployments, deployment("web", 2))
    await available(nodes.api, NAMESPACE, "web", 2)
    pods = await nodes.pods("app=web")
    assert len({one["status"]["podIP"] for one in pods}) == 2
    for one in pods:
        node = await nodes.api.get(path_of("v1", "nodes", name=one["spec"]["nodeName"]))
        own = next(each["address"] for each in node["status"]["addresses"] if each["type"] == "InternalIP")
        assert one["status"]["hostIP"] == own
        assert one["status"]["podIP"].rpartition(".")[0] == own.rpartition(".")[0]
    await nodes.api.delete(f"{deployments}/web")


async def test_two_nodes_never_share_addresses(nodes: Nodes) -> None:
    found = await nodes.api.list(path_of("v1", "nodes"))
    own = [node["status"]["addresses"][0]["address"] for node in found]
    assert len(set(own)) == len(own) >= 2


async def test_a_container_that_refuses_to_run_shows_its_sentence_in_the_crash_loop(nodes: Nodes) -> None:
    code = "open('/dev/termination-log', 'w').write('the digest is wrong'); raise SystemExit(3)"
    await nodes.create(pod("refuses", python(code)))
    status = await nodes.waits("refuses", "CrashLoopBackOff")
    assert status["lastState"]["terminated"]["message"] == "the digest is wrong"
    assert status["lastState"]["terminated"]["exitCode"] == 3
    assert "restarting failed container=main pod=refuses_nodes" in status["state"]["waiting"]["message"]
    assert status["restartCount"] >= 1
    await nodes.api.delete(f"{PODS}/refuses")
    await nodes.is_gone("refuses")


async def test_init_containers_run_before_the_containers_and_one_that_fails_is_tried_again(nodes: Nodes) -> None:
    mount = {"volumeMounts": [{"name": "shared", "mountPath": "/shared"}]}
    fails_once = """
from pathlib import Path
mark = Path('/shared/mark')
seen = mark.exists()
mark.touch()
raise SystemExit(0 if seen else 1)
"""
    first = python(fails_once, name="first", **mount)
    main = python("print(open('/shared/mark').name)", **mount)
    spec: dict[str, Any] = {"volumes": [{"name": "shared", "emptyDir": {}}], "restartPolicy": "OnFailure"}
    await nodes.create(pod("ordered", main, initContainers=[first], **spec))
    found = await nodes.reaches("ordered", "Succeeded")
    assert found["status"]["initContainerStatuses"][0]["restartCount"] == 1
    assert found["status"]["containerStatuses"][0]["state"]["terminated"]["reason"] == "Completed"


async def test_the_storage_initializer_says_in_its_status_what_it_could_not_fetch(nodes: Nodes) -> None:
    uri = f"http://127.0.0.1:{free_port()}/bundle.tar.gz"
    fetches = {
        "name": "storage-initializer",
        "image": "kserve/storage-initializer:v0.21.0",
        "args": [uri, "/mnt/models"],
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [{"name": "models", "mountPath": "/mnt/models"}],
    }
    volumes = [{"name": "models", "emptyDir": {}}]
    await nodes.create(pod("fetches", echo_container(), initContainers=[fetches], volumes=volumes))
    status = await nodes.waits("fetches", "CrashLoopBackOff", "initContainerStatuses")
    said = status["lastState"]["terminated"]["message"].splitlines()[-1]
    assert said == "RuntimeError: Failed to connect to HTTP endpoint '127.0.0.1'."
    found = await nodes.pod("fetches")
    assert found["status"]["phase"] == "Pending"
    assert found["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "PodInitializing"
    await nodes.api.delete(f"{PODS}/fetches")


async def test_an_image_that_no_program_stands_for_cannot_be_pulled(nodes: Nodes) -> None:
    await nodes.create(pod("unknown", {"name": "main", "image": "example.com/nowhere:1"}))
    status = await nodes.waits("unknown", "ImagePullBackOff")
    assert "example.com/nowhere:1" in status["state"]["waiting"]["message"]
    await nodes.api.delete(f"{PODS}/unknown")


async def test_a_deleted_pod_is_unready_at_once_gets_sigterm_and_goes(nodes: Nodes) -> None:
    hook = {"preStop": {"exec": {"command": ["python3", "-c", "print(open('/hook/mark', 'w').name)"]}}}
    mounts = [{"name": "hook", "mountPath": "/hook"}]
    volumes = [{"name": "hook", "hostPath": {"path": str(nodes.folder / "hook")}}]
    slow = python(
        "import signal, sys, time\n"
        "def end(*_): print('got SIGTERM'); time.sleep(1); print('done'); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "print('runs')\n"
        "time.sleep(60)",
        lifecycle=hook,
        volumeMounts=mounts,
        readinessProbe={"exec": {"command": ["python3", "-c", "pass"]}, "periodSeconds": 1},
    )
    await nodes.create(pod("slow", slow, volumes=volumes))
    await wait_for(lambda: nodes.pod("slow"), ready, seconds=30, what="ready Pod slow")
    deleted = await nodes.api.delete(f"{PODS}/slow")
    assert deleted["metadata"]["deletionGracePeriodSeconds"] == 5
    seen = await wait_for(
        lambda: nodes.api.get_or_none(f"{PODS}/slow"),
        lambda found: found is None or not is_true(found, "Ready"),
        seconds=30,
        what="unready Pod slow",
    )
    assert seen is not None
    await nodes.is_gone("slow")
    assert (nodes.folder / "hook" / "mark").exists()
    assert nodes.log("slow", "main") == "runs\ngot SIGTERM\ndone\n"


async def test_a_pod_that_ignores_sigterm_is_killed_after_its_grace_period(nodes: Nodes) -> None:
    deaf = python("import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('runs'); time.sleep(60)")
    await nodes.create(pod("deaf", deaf, terminationGracePeriodSeconds=1))
    await nodes.reaches("deaf", "Running")
    await nodes.api.delete(f"{PODS}/deaf")
    await nodes.is_gone("deaf")


async def test_a_failing_liveness_probe_restarts_its_container(nodes: Nodes) -> None:
    probe = {"exec": {"command": ["python3", "-c", "raise SystemExit(1)"]}, "periodSeconds": 1, "failureThreshold": 1}
    await nodes.create(pod("ill", python("import time; time.sleep(60)", livenessProbe=probe)))
    found = await wait_for(
        lambda: nodes.pod("ill"),
        lambda one: one.get("status", {}).get("containerStatuses", [{"restartCount": 0}])[0]["restartCount"] > 0,
        seconds=30,
        what="restarted container",
    )
    assert found["status"]["containerStatuses"][0]["lastState"]["terminated"]["exitCode"] == 128 + 15
    await nodes.api.delete(f"{PODS}/ill", grace_seconds=0)


async def test_a_claim_shows_the_files_of_its_volume_below_a_sub_path(nodes: Nodes) -> None:
    bundles = nodes.folder / "bundles"
    (bundles / "first").mkdir(parents=True)
    (bundles / "first" / "card.yaml").write_text("version: 1")
    await apply_documents(nodes.api, volume_and_claim(bundles))
    volumes = [{"name": "source", "persistentVolumeClaim": {"claimName": "bundles"}}]
    mount = {"name": "source", "mountPath": "/mnt/models", "subPath": "first", "readOnly": True}
    reader = python("import sys; print(open(sys.argv[1]).read())", args=["/mnt/models/card.yaml"], volumeMounts=[mount])
    await nodes.create(pod("reads", reader, volumes=volumes, restartPolicy="Never"))
    await nodes.reaches("reads", "Succeeded")
    assert nodes.log("reads", "main") == "version: 1\n"

    absent = reader | {"volumeMounts": [mount | {"subPath": "absent"}]}
    await nodes.create(pod("misses", absent, volumes=volumes))
    status = await nodes.waits("misses", "CreateContainerConfigError")
    assert 'failed to create subPath directory for volumeMount "source"' in status["state"]["waiting"]["message"]
    await nodes.api.delete(f"{PODS}/misses", grace_seconds=0)


def volume_and_claim(folder: Path) -> list[Object]:
    size = {"storage": "1Gi"}
    common = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
    reference = {"namespace": NAMESPACE, "name": "bundles"}
    volume = common | {"capacity": size, "hostPath": {"path": str(folder)}, "claimRef": reference}
    claim = common | {"resources": {"requests": size}, "volumeName": "nodes-bundles"}
    return [
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "nodes-bundles"}, "spec": volume},
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": reference, "spec": claim},
    ]


async def test_configuration_secrets_and_the_service_account_reach_the_container(nodes: Nodes) -> None:
    await apply_documents(
        nodes.api,
        [
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"level": "info"}},
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"}, "stringData": {"password": "s3cret"}},
        ],
        namespace=NAMESPACE,
    )
    code = """
import os, pathlib
account = pathlib.Path(os.environ['ACCOUNT'])
print(os.environ['LEVEL'], os.environ['NODE'].startswith('node-'), open(os.environ['FILE']).read())
print(sorted(path.name for path in account.iterdir()), (account / 'token').read_text().count('.'))
"""
    variables = [
        {"name": "LEVEL", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "level"}}},
        {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
        {"name": "FILE", "value": "/etc/login/password"},
        {"name": "ACCOUNT", "value": "/var/run/secrets/kubernetes.io/serviceaccount"},
    ]
    reader = python(code, env=variables, volumeMounts=[{"name": "login", "mountPath": "/etc/login"}])
    volumes = [{"name": "login", "secret": {"secretName": "login"}}]
    await nodes.create(pod("informed", reader, volumes=volumes, restartPolicy="Never"))
    await nodes.reaches("informed", "Succeeded")
    assert nodes.log("informed", "main").splitlines() == ["info True s3cret", "['ca.crt', 'namespace', 'token'] 2"]


async def test_the_files_of_a_config_map_change_while_a_container_runs(nodes: Nodes) -> None:
    code = """
import pathlib, sys, time
told, last = pathlib.Path(sys.argv[1]), ''
while True:
    order = told.read_text() if told.exists() else 'nothing'
    if order != last:
        print(order, flush=True)
    last = order
    time.sleep(0.05)
"""
    reader = python(code, args=["/etc/told/order"], volumeMounts=[{"name": "told", "mountPath": "/etc/told"}])
    volumes = [{"name": "told", "configMap": {"name": "told", "optional": True}}]
    await nodes.create(pod("heeds", reader, volumes=volumes, terminationGracePeriodSeconds=0))

    async def reads(*orders: str) -> None:
        await wait_for(
            partial(_log_of, nodes, "heeds"), lambda log: log == list(orders), seconds=30, what=f"log of {orders}"
        )

    await nodes.reaches("heeds", "Running")
    await reads("nothing")
    config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "told"}, "data": {"order": "shadow"}}
    await apply_documents(nodes.api, [config_map], namespace=NAMESPACE)
    await reads("nothing", "shadow")
    await apply_documents(nodes.api, [{**config_map, "data": {"order": "other"}}], namespace=NAMESPACE)
    await reads("nothing", "shadow", "other")
    await nodes.api.delete(path_of("v1", "configmaps", NAMESPACE, "told"))
    await reads("nothing", "shadow", "other", "nothing")


async def _log_of(nodes: Nodes, name: str) -> list[str]:
    return nodes.log(name, "main").split()


async def test_a_container_reaches_the_api_server_as_its_service_account(nodes: Nodes) -> None:
    code = """
import os, ssl, sys, urllib.request
from pathlib import Path
account = Path(sys.argv[1])
server = f"https://{os.environ['KUBERNETES_SERVICE_HOST']}:{os.environ['KUBERNETES_SERVICE_PORT']}"
url = f"{server}/apis/authentication.k8s.io/v1/selfsubjectreviews"
body = b'{"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}'
headers = {"Authorization": f"Bearer {(account / 'token').read_text()}", "Content-Type": "application/json"}
context = ssl.create_default_context(cafile=account / 'ca.crt')
print(urllib.request.urlopen(urllib.request.Request(url, body, headers), context=context).read().decode())
"""
    asks = python(code, args=["/var/run/secrets/kubernetes.io/serviceaccount"])
    await nodes.create(pod("asks", asks, restartPolicy="Never"))
    await nodes.reaches("asks", "Succeeded")
    assert f'"username":"system:serviceaccount:{NAMESPACE}:default"' in nodes.log("asks", "main")


async def test_pods_go_on_while_the_api_server_is_away(nodes: Nodes, control_plane: ControlPlane) -> None:
    await nodes.create(pod("steady", echo_container()))
    before = await wait_for(lambda: nodes.pod("steady"), ready, seconds=30, what="ready Pod steady")
    await control_plane.kill_api_server()
    await control_plane.start_api_server()
    for name in nodes.processes:
        await wait_for(partial(registered, nodes.api, name), bool, seconds=30, what=f"node {name}")
    after = await nodes.pod("steady")
    assert after["status"]["containerStatuses"] == before["status"]["containerStatuses"]
    await nodes.api.delete(f"{PODS}/steady")
    await nodes.is_gone("steady")


async def test_a_deleted_node_registers_again(nodes: Nodes) -> None:
    path = path_of("v1", "nodes", name="node-2")
    before = await nodes.api.get(path)
    await nodes.api.delete(path)
    after = await wait_for(
        lambda: nodes.api.get_or_none(path),
        lambda found: found is not None and found["metadata"]["uid"] != before["metadata"]["uid"],
        seconds=30,
        what="new node-2",
    )
    assert after is not None
    assert after["metadata"]["labels"]["topology.kubernetes.io/zone"] == "br-south-b"
    await wait_for(partial(registered, nodes.api, "node-2"), bool, seconds=30, what="node-2")


async def test_pods_of_a_lost_machine_are_replaced_on_another(nodes: Nodes) -> None:
    deployments = path_of("apps/v1", "deployments", NAMESPACE)
    there = {"key": "metadata.name", "operator": "In", "values": ["node-1"]}
    preferred = [{"weight": 100, "preference": {"matchFields": [there]}}]
    affinity = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}
    await nodes.api.create(deployments, deployment("moves", 1, affinity=affinity))
    await available(nodes.api, NAMESPACE, "moves", 1)
    (lost,) = await nodes.pods("app=moves")
    assert lost["spec"]["nodeName"] == "node-1"
    address = lost["status"]["podIP"]
    assert await answers(address)
    await nodes.processes["node-1"].kill()
    await wait_for(lambda: answers(address), lambda found: not found, seconds=10, what="end of the machine's Pods")
    replaced = await wait_for(
        lambda: nodes.pods("app=moves"),
        lambda found: any(ready(one) and one["spec"]["nodeName"] == "node-2" for one in found),
        seconds=60,
        what="ready Pod on node-2",
    )
    assert any("deletionTimestamp" in one["metadata"] for one in replaced)
    nodes.processes["node-1"].start()
    await nodes.is_gone(lost["metadata"]["name"])
    await nodes.processes["node-1"].wait_ready(partial(registered, nodes.api, "node-1"))
    await nodes.api.delete(f"{deployments}/moves")


async def answers(address: str) -> bool:
    """Whether something accepts connections at a Pod's port."""
    try:
        _, writer = await asyncio.open_connection(address, 8080)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


async def test_a_node_that_is_stopped_ends_its_processes_in_order(nodes: Nodes) -> None:
    chosen = {"nodeSelector": {"kubernetes.io/hostname": "node-1"}}
    await nodes.create(pod("ends", echo_container(), **chosen))
    await wait_for(lambda: nodes.pod("ends"), ready, seconds=30, what="ready Pod ends")
    assert await nodes.processes["node-1"].stop() == 0
    assert nodes.log("ends", "echo").endswith("ended in order\n")
    nodes.processes["node-1"].start()
    found = await wait_for(
        lambda: nodes.pod("ends"),
        lambda one: ready(one) and one["status"]["containerStatuses"][0]["restartCount"] == 1,
        seconds=30,
        what="Pod ends again",
    )
    assert found["status"]["phase"] == "Running"


async def test_a_pod_that_comes_back_with_another_address_has_that_one_alone(nodes: Nodes) -> None:
    chosen = {"nodeSelector": {"kubernetes.io/hostname": "node-2"}}
    for name in ("before", "behind"):
        await nodes.create(pod(name, echo_container(), **chosen))
        await wait_for(partial(nodes.pod, name), ready, seconds=30, what=f"ready Pod {name}")
    address = (await nodes.pod("behind"))["status"]["podIP"]
    await nodes.api.delete(f"{PODS}/before")
    await nodes.is_gone("before")
    await nodes.processes["node-2"].kill()
    nodes.processes["node-2"].start()
    found = await wait_for(
        lambda: nodes.pod("behind"),
        lambda one: ready(one) and one["status"]["podIP"] != address,
        seconds=60,
        what="Pod behind with another address",
    )
    assert found["status"]["podIPs"] == [{"ip": found["status"]["podIP"]}]
    await nodes.api.delete(f"{PODS}/behind")
    await nodes.is_gone("behind")
