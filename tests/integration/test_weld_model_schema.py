"""The API server itself takes right WeldModels, fills in defaults, and refuses wrong ones by the name of the field."""

import asyncio
import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.sandbox.control_plane import ControlPlane

EXAMPLE = Path(__file__).parents[2] / "manifests" / "examples" / "north-line.yaml"

Document = dict[str, Any]


async def kubectl_apply(plane: ControlPlane, document: Document, *flags: str) -> tuple[int, str]:
    """What a user does: exit code, and what kubectl prints."""
    process = await asyncio.create_subprocess_exec(
        plane.tools["kubectl"], f"--kubeconfig={plane.kubeconfig}", "apply", "-f", "-", *flags,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate(json.dumps(document).encode())
    assert process.returncode is not None
    return process.returncode, output.decode()


def weld_model(name: str = "north-line") -> Document:
    document: Document = yaml.safe_load(EXAMPLE.read_text())
    document["metadata"] = {"name": name, "namespace": "default"}
    return document


def changed(*path: str, to: object) -> Callable[[Document], None]:
    def change(document: Document) -> None:
        *parents, last = path
        node = document
        for part in parents:
            node = node.setdefault(part, {})
        if to is None:
            del node[last]
        else:
            node[last] = to

    return change


WRONG: dict[str, tuple[Callable[[Document], None], str]] = {
    "unknown field": (changed("spec", "serving", "scaling", "minReplica", to=2), "spec.serving.scaling.minReplica"),
    "unknown block": (changed("spec", "monitoring", to={}), "spec.monitoring"),
    "bad duration": (changed("spec", "workload", "tick", to="100 ms"), "spec.workload.tick"),
    "duration without unit": (changed("spec", "workload", "deadline", to="100"), "spec.workload.deadline"),
    "duration in weeks": (changed("spec", "serving", "retireAfter", to="1w"), "spec.serving.retireAfter"),
    "tick of nothing": (changed("spec", "workload", to={"readingsPerTick": 1, "tick": "0s"}), "spec.workload.tick"),
    "min above max": (
        changed("spec", "serving", "scaling", to={"minReplicas": 5, "maxReplicas": 2}),
        "spec.serving.scaling.minReplicas",
    ),
    "empty uri": (changed("spec", "model", "uri", to=""), "spec.model.uri"),
    "unknown scheme": (changed("spec", "model", "uri", to="ftp://host/bundle"), "spec.model.uri"),
    "uri that climbs in disguise": (changed("spec", "model", "uri", to="https://a/weld/%2E./b"), "spec.model.uri"),
    "short digest": (changed("spec", "model", "sha256", to="6c1f0a"), "spec.model.sha256"),
    "upper-case digest": (changed("spec", "model", "sha256", to="A" * 64), "spec.model.sha256"),
    "jitter above tick": (changed("spec", "workload", "jitter", to="200ms"), "spec.workload.jitter"),
    "deadline below batching": (
        changed("spec", "serving", "batching", to={"maxDelay": "200ms"}),
        "spec.workload.deadline",
    ),
    "batch above queue": (
        changed("spec", "serving", "batching", to={"maxReadings": 10, "queueReadings": 5}),
        "spec.serving.batching.maxReadings",
    ),
    "every nth of all": (changed("spec", "serving", "intake", to={"everyNth": 5}), "spec.serving.intake.everyNth"),
    "every nth of none": (
        changed("spec", "serving", "intake", to={"sampling": "EveryNth"}),
        "spec.serving.intake.everyNth",
    ),
    "a change of nothing": (
        changed("spec", "serving", "intake", to={"sampling": "OnChange"}),
        "spec.serving.intake.onChange",
    ),
    "a change of no feature": (
        changed("spec", "serving", "intake", to={"sampling": "OnChange", "onChange": {"features": []}}),
        "spec.serving.intake.onChange.features",
    ),
    "a feature named twice": (
        changed(
            "spec",
            "serving",
            "intake",
            to={"sampling": "OnChange", "onChange": {"features": [{"name": "echo", "deadBand": 1}] * 2}},
        ),
        "spec.serving.intake.onChange.features",
    ),
    "silence of nothing": (
        changed("spec", "serving", "intake", to={"longestSilence": "0s"}),
        "spec.serving.intake.longestSilence",
    ),
    "name too long": (changed("metadata", "name", to="n" * 33), "metadata.name"),
    "missing version": (changed("spec", "model", "version", to=None), "spec.model.version"),
    "version in words": (changed("spec", "model", "version", to="latest"), "spec.model.version"),
    "no readings": (changed("spec", "workload", "readingsPerTick", to=0), "spec.workload.readingsPerTick"),
    "readings as text": (changed("spec", "workload", "readingsPerTick", to="many"), "spec.workload.readingsPerTick"),
    "request above limit": (
        changed("spec", "model", "resources", to={"requests": {"cpu": 2}, "limits": {"cpu": "1500m"}}),
        "spec.model.resources.requests.cpu",
    ),
    "bad quantity": (
        changed("spec", "model", "resources", to={"requests": {"memory": "lots"}}),
        "spec.model.resources.requests.memory",
    ),
    "unknown mode": (changed("spec", "serving", "mode", to="Serverless"), "spec.serving.mode"),
    "unknown traffic": (changed("spec", "serving", "traffic", to="Mesh"), "spec.serving.traffic"),
    "KServe's canary in Knative mode": (
        changed("spec", "serving", to={"mode": "Knative", "traffic": "Native"}),
        "spec.serving.traffic",
    ),
    "site in capitals": (changed("spec", "asset", "site", to="North Line"), "spec.asset.site"),
    "no name of a ServiceAccount": (
        changed("spec", "model", "serviceAccountName", to="Reader"),
        "spec.model.serviceAccountName",
    ),
    "too long a name of a ServiceAccount": (
        changed("spec", "model", "serviceAccountName", to="a" * 254),
        "spec.model.serviceAccountName",
    ),
    "no spec": (changed("spec", to=None), "spec"),
}


@pytest.mark.parametrize(("change", "field"), WRONG.values(), ids=WRONG.keys())
async def test_a_wrong_weld_model_is_refused_by_the_name_of_its_field(
    control_plane: ControlPlane, change: Callable[[Document], None], field: str
) -> None:
    document = weld_model("refused")
    change(document)
    code, output = await kubectl_apply(control_plane, document)
    assert code != 0, output
    assert field in output


async def test_the_asset_kind_cannot_be_changed(control_plane: ControlPlane) -> None:
    document = weld_model("kept-kind")
    assert (await kubectl_apply(control_plane, document))[0] == 0
    other = copy.deepcopy(document)
    other["spec"]["asset"]["kind"] = "Silo"
    code, output = await kubectl_apply(control_plane, other)
    assert code != 0
    assert "spec.asset.kind" in output
    assert "make a new WeldModel" in output


@pytest.mark.parametrize(("field", "to"), [("mode", "Knative"), ("traffic", "Native")])
async def test_what_divides_requests_cannot_be_changed(control_plane: ControlPlane, field: str, to: str) -> None:
    document = weld_model(f"kept-{field}")
    assert (await kubectl_apply(control_plane, document))[0] == 0
    other = copy.deepcopy(document)
    other["spec"].setdefault("serving", {})[field] = to
    code, output = await kubectl_apply(control_plane, other)
    assert code != 0
    assert f"spec.serving.{field}" in output
    assert "make a new WeldModel" in output


async def test_defaults_are_filled_in_by_the_api_server(control_plane: ControlPlane) -> None:
    document = weld_model("defaults")
    del document["spec"]["serving"]
    del document["spec"]["model"]["resources"]
    document["spec"]["workload"] = {"readingsPerTick": 10}
    code, output = await kubectl_apply(control_plane, document, "-o", "json")
    assert code == 0, output
    spec = json.loads(output)["spec"]
    assert spec["workload"] == {"readingsPerTick": 10, "tick": "100ms", "jitter": "20ms", "deadline": "100ms"}
    assert spec["serving"]["scaling"] == {"minReplicas": 2, "maxReplicas": 4, "target": {}}
    assert spec["model"]["resources"]["requests"] == {"cpu": "500m", "memory": "512Mi"}


async def test_a_service_account_may_be_named_and_none_is_filled_in(control_plane: ControlPlane) -> None:
    document = weld_model("account")
    code, output = await kubectl_apply(control_plane, document, "-o", "json")
    assert code == 0, output
    assert "serviceAccountName" not in json.loads(output)["spec"]["model"]
    document["spec"]["model"]["serviceAccountName"] = "br.s3-reader"
    code, output = await kubectl_apply(control_plane, document, "-o", "json")
    assert code == 0, output
    assert json.loads(output)["spec"]["model"]["serviceAccountName"] == "br.s3-reader"


async def test_a_partial_block_keeps_the_other_defaults(control_plane: ControlPlane) -> None:
    document = weld_model("partial")
    document["spec"]["serving"] = {"scaling": {"minReplicas": 1}}
    code, output = await kubectl_apply(control_plane, document, "-o", "json")
    assert code == 0, output
    assert json.loads(output)["spec"]["serving"]["scaling"]["maxReplicas"] == 4


async def test_a_duration_may_be_in_days(control_plane: ControlPlane) -> None:
    """Also where a rule compares it."""
    document = weld_model("days")
    document["spec"]["rollout"] = {"analysis": {"interval": "1d1h"}, "deadline": {"per": "7d", "then": "Rollback"}}
    code, output = await kubectl_apply(control_plane, document, "-o", "json")
    assert code == 0, output
    assert json.loads(output)["spec"]["rollout"]["deadline"]["per"] == "7d"
