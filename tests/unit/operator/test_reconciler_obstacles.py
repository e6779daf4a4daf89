"""What keeps a WeldModel from what it asks for is said, what serves goes on, and it heals."""

from __future__ import annotations

import copy

from tests.unit.operator.cluster_objects import pod, revision_of
from tests.unit.operator.plant import KEY, Plant
from weld_operator.domain.observation import Obstacle
from weld_operator.kinds import HTTP_ROUTE, INFERENCE_SERVICE, POD, WELD_MODEL


async def test_a_missing_kserve_is_said_and_heals() -> None:
    plant = Plant()
    plant.cluster.unserved = {INFERENCE_SERVICE}
    plant.ask("a")
    await plant.settle()
    assert plant.condition("Progressing")["reason"] == "PlatformNotReady"
    plant.cluster.unserved = set()
    plant.clock.advance(10)
    await plant.settle()
    assert plant.names(INFERENCE_SERVICE) == [revision_of("a")]
    assert plant.condition("Progressing")["reason"] == "RevisionStarting"


async def test_a_missing_gateway_api_is_said_and_heals() -> None:
    plant = Plant()
    plant.cluster.unserved = {HTTP_ROUTE}
    await plant.until_a_serves()
    assert plant.condition("Progressing")["reason"] == "PlatformNotReady"
    plant.cluster.unserved = set()
    await plant.settle()
    assert plant.routed() == [f"{revision_of('a')}-predictor"]


async def test_a_refused_inference_service_is_said_and_the_stable_one_stays(serving: Plant) -> None:
    serving.cluster.refused = {f"InferenceService {revision_of('b')}": 'admission webhook "x" denied the request: no'}
    serving.ask("b")
    await serving.settle()
    assert serving.condition("Progressing")["status"] == "False"
    assert serving.condition("Progressing")["reason"] == "InferenceServiceRefused"
    assert "denied the request: no" in serving.condition("Progressing")["message"]
    assert serving.condition("Serving")["status"] == "True"
    assert serving.routed() == [f"{revision_of('a')}-predictor"]


async def test_a_route_that_cannot_be_written_keeps_its_backend_alive(serving: Plant) -> None:
    serving.ask("b")
    await serving.settle()
    serving.serve("b")
    serving.cluster.refused = {"HTTPRoute north-line": "no"}
    for _ in range(10):
        serving.clock.advance(120)
        await serving.reconciler.reconcile(KEY)
    assert serving.condition("Progressing")["reason"] == "HTTPRouteRefused"
    assert revision_of("a") in serving.names(INFERENCE_SERVICE), "the route still sends requests there"
    serving.cluster.refused = {}
    await serving.settle()
    assert serving.routed() == [f"{revision_of('b')}-predictor"]


async def test_an_invalid_spec_is_said_and_what_runs_stays(serving: Plant) -> None:
    body = copy.deepcopy(serving.body(WELD_MODEL, "north-line"))
    body["spec"]["model"]["sha256"] = "short"
    serving.cluster.put(WELD_MODEL, body)
    await serving.settle()
    assert serving.condition("Progressing")["reason"] == "InvalidSpec"
    assert "spec.model.sha256" in serving.condition("Progressing")["message"]
    assert serving.condition("Serving")["status"] == "True"
    assert serving.routed() == [f"{revision_of('a')}-predictor"]
    serving.cluster.remove(INFERENCE_SERVICE, "plant-a", revision_of("a"))
    await serving.settle()
    assert serving.names(INFERENCE_SERVICE) == [revision_of("a")], "what runs is still kept in shape"


async def test_a_refused_bundle_is_named_within_seconds_and_the_old_version_stays(serving: Plant) -> None:
    serving.ask("b")
    await serving.settle()
    serving.serve("b", available=0)
    ended = {"exitCode": 3, "message": "estimator.skops has another SHA-256 than the manifest says"}
    statuses = [{"name": "kserve-container", "ready": False, "restartCount": 0, "state": {"terminated": ended}}]
    body = pod(containerStatuses=statuses)
    body["metadata"]["labels"] = {"app": f"isvc.{revision_of('b')}-predictor"}
    serving.cluster.put(POD, body)
    await serving.settle()
    progressing = serving.condition("Progressing")
    assert (progressing["status"], progressing["reason"]) == ("False", "BundleRefused")
    assert "estimator.skops has another SHA-256 than the manifest says" in progressing["message"]
    assert serving.condition("Serving")["status"] == "True"
    assert serving.status["phase"] == "UpdateFailed"
    assert serving.routed() == [f"{revision_of('a')}-predictor"]


async def test_what_the_platform_lacks_is_said_once_and_nothing_is_written_at_rest(serving: Plant) -> None:
    serving.shortcomings = ()
    await serving.settle()
    assert serving.condition("PlatformReady")["reason"] == "AllFound"
    assert "PlatformReady" not in serving.told(), "all well from the start is no story"
    serving.shortcomings = (Obstacle("GatewayMissing", "there is no Gateway"),)
    await serving.settle()
    assert serving.condition("PlatformReady")["message"] == "there is no Gateway"
    assert serving.status["phase"] == "Serving"
    before = list(serving.cluster.writes)
    for _ in range(5):
        serving.clock.advance(600)
        await serving.reconciler.reconcile(KEY)
    assert serving.cluster.writes == before
    serving.shortcomings = ()
    await serving.settle()
    assert serving.told()[-2:] == ["GatewayMissing", "PlatformReady"]
