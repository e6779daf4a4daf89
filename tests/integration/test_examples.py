"""Every example is taken by the API server as it stands, and by the operator's own reading of it."""

from pathlib import Path

import pytest
import yaml

from tests.sandbox.apply import apply_documents
from tests.sandbox.control_plane import ControlPlane
from tests.sandbox.kube_api import Object, path_of
from weld_api.weld_model import parse_weld_model

EXAMPLES = Path(__file__).parents[2] / "manifests" / "examples"
FILES = sorted(path.name for path in EXAMPLES.glob("*.yaml"))
RESOURCES = {
    "WeldModel": "weldmodels",
    "Secret": "secrets",
    "ServiceAccount": "serviceaccounts",
}


def _documents(file: str) -> list[Object]:
    return list(yaml.safe_load_all((EXAMPLES / file).read_text()))


def test_there_is_an_example_for_each_use() -> None:
    assert FILES == [
        "autoscaling.yaml",
        "context.yaml",
        "gs-store.yaml",
        "https-store.yaml",
        "north-line.yaml",
        "regions.yaml",
        "rollout.yaml",
        "s3-store.yaml",
        "silo.yaml",
        "waveforms.yaml",
    ]


@pytest.mark.parametrize("file", FILES)
async def test_the_api_server_takes_it_as_it_stands(control_plane: ControlPlane, file: str) -> None:
    async with control_plane.api() as api:
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "plant-a"}}
        await apply_documents(api, [namespace])
        for document in _documents(file):
            about = document["metadata"]
            path = path_of(document["apiVersion"], RESOURCES[document["kind"]], about["namespace"], about["name"])
            taken = await api.apply(f"{path}?dryRun=All&fieldValidation=Strict", document, manager="examples")
            assert taken["metadata"]["name"] == about["name"]


@pytest.mark.parametrize("file", FILES)
def test_the_operator_honours_it(file: str) -> None:
    (model,) = [document for document in _documents(file) if document["kind"] == "WeldModel"]
    given = {"uid": "of-the-api-server", "generation": 1}
    parse_weld_model({**model, "metadata": {**model["metadata"], **given}})


@pytest.mark.parametrize("file", FILES)
def test_a_model_s_account_is_in_the_same_file(file: str) -> None:
    documents = _documents(file)
    (model,) = [document for document in documents if document["kind"] == "WeldModel"]
    accounts = {each["metadata"]["name"]: each for each in documents if each["kind"] == "ServiceAccount"}
    secrets = {each["metadata"]["name"] for each in documents if each["kind"] == "Secret"}
    named = model["spec"]["model"].get("serviceAccountName")
    assert set(accounts) == ({named} if named else set())
    assert {entry["name"] for account in accounts.values() for entry in account["secrets"]} == secrets
    assert {each["metadata"]["namespace"] for each in documents} == {"plant-a"}
