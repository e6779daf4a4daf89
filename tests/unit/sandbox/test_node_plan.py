"""How a container is planned as a process."""

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.node.downward import ConfigError, Place
from tests.sandbox.node.environment import Sources
from tests.sandbox.node.images import ImageError
from tests.sandbox.node.plan import REPOSITORY, Plan, plan
from tests.sandbox.node.volumes import VolumeError, chosen, host_path

PLACE = Place("127.1.1.7", node="machine-1", node_address="127.1.1.1", api_server="https://127.0.0.1:6443")


def planned(folder: Path, container: dict[str, Any]) -> Plan:
    pod = {"metadata": {"name": "p", "namespace": "n", "uid": "u"}, "spec": {}}
    (folder / "claim" / "first").mkdir(parents=True, exist_ok=True)
    return plan({"name": "c"} | container, pod, PLACE, Sources({}, {}), {"models": folder / "claim"}, folder)


def test_command_arguments_and_environment_are_expanded_and_then_substituted(tmp_path: Path) -> None:
    found = planned(
        tmp_path,
        {
            "command": ["python3", "-m", "server"],
            "args": ["--bundle=$(BUNDLE)", "--listen=0.0.0.0"],
            "env": [{"name": "BUNDLE", "value": "/mnt/models"}],
            "volumeMounts": [{"name": "models", "mountPath": "/mnt/models", "subPath": "first", "readOnly": True}],
        },
    )
    real = str(tmp_path / "claim" / "first")
    assert found.command == (sys.executable, "-m", "server", f"--bundle={real}", "--listen=127.1.1.7")
    assert found.environment["BUNDLE"] == real
    assert found.environment["HOSTNAME"] == "p"
    assert str(REPOSITORY) in found.environment["PYTHONPATH"].split(":")
    assert found.folder == tmp_path


def test_a_volume_at_tmp_is_where_programs_keep_temporary_files(tmp_path: Path) -> None:
    mounted = planned(tmp_path, {"command": ["true"], "volumeMounts": [{"name": "models", "mountPath": "/tmp"}]})
    assert mounted.environment["TMPDIR"] == str(tmp_path / "claim")
    assert "TMPDIR" not in planned(tmp_path, {"command": ["true"]}).environment


def test_a_container_is_told_where_the_api_server_is(tmp_path: Path) -> None:
    found = planned(tmp_path, {"command": ["true", "--server=$(KUBERNETES_SERVICE_HOST)"]})
    assert found.environment["KUBERNETES_SERVICE_HOST"] == "127.0.0.1"
    assert found.environment["KUBERNETES_SERVICE_PORT"] == "6443"
    assert found.command == ("true", "--server=127.0.0.1")


def test_the_working_folder_lies_in_a_volume_if_the_container_says_so(tmp_path: Path) -> None:
    mounts = [{"name": "models", "mountPath": "/mnt/models/"}]
    inside = planned(tmp_path, {"command": ["true"], "workingDir": "/mnt/models/first", "volumeMounts": mounts})
    assert inside.folder == tmp_path / "claim" / "first"
    assert planned(tmp_path, {"command": ["true"], "workingDir": "/app"}).folder == tmp_path


def test_a_missing_sub_path_is_refused_where_it_is_read_only_and_else_made(tmp_path: Path) -> None:
    mount = {"name": "models", "mountPath": "/m", "subPath": "absent"}
    with pytest.raises(ConfigError, match='failed to create subPath directory for volumeMount "models"'):
        planned(tmp_path, {"command": ["true"], "volumeMounts": [mount | {"readOnly": True}]})
    planned(tmp_path, {"command": ["true"], "volumeMounts": [mount]})
    assert (tmp_path / "claim" / "absent").is_dir()


def test_a_sub_path_cannot_leave_its_volume(tmp_path: Path) -> None:
    (tmp_path / "claim").mkdir()
    (tmp_path / "claim" / "away").symlink_to(tmp_path)
    for sub_path in ("..", "first/../../claim", "away"):
        mount = {"name": "models", "mountPath": "/m", "subPath": sub_path}
        with pytest.raises(ConfigError, match="leaves its volume"):
            planned(tmp_path, {"command": ["true"], "volumeMounts": [mount]})


def test_an_image_stands_for_a_program_only_where_it_is_known(tmp_path: Path) -> None:
    found = planned(tmp_path, {"image": "localhost:5000/kserve/storage-initializer:v1", "args": ["s3://a", "/b"]})
    assert found.command == (sys.executable, "-m", "tests.sandbox.storage_initializer", "s3://a", "/b")
    with pytest.raises(ImageError, match=r'Back-off pulling image "storage-initializer\.example/other:1"'):
        planned(tmp_path, {"image": "storage-initializer.example/other:1"})


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        ({"readinessProbe": {"grpc": {"port": 1}, "periodSeconds": 1}}, "readinessProbe"),
        ({"livenessProbe": {"httpGet": {"port": "web"}}}, 'no port named "web"'),
        ({"lifecycle": {"postStart": {"exec": {"command": ["true"]}}}}, "postStart"),
        ({"restartPolicy": "Always"}, "sidecar"),
    ],
)
def test_what_a_stand_in_node_does_not_do_is_refused_and_named(
    tmp_path: Path, extra: dict[str, Any], named: str
) -> None:
    with pytest.raises(ConfigError, match=named):
        planned(tmp_path, {"command": ["true"]} | extra)


def test_items_choose_and_rename_entries() -> None:
    entries = {"a": b"1", "b": b"2"}
    assert chosen(entries, {}, "configmap n/x") == entries
    assert chosen(entries, {"items": [{"key": "a", "path": "sub/one"}]}, "configmap n/x") == {"sub/one": b"1"}
    with pytest.raises(VolumeError, match="configmap n/x has no key c"):
        chosen(entries, {"items": [{"key": "c", "path": "c"}]}, "configmap n/x")


def test_a_host_path_of_type_directory_must_exist(tmp_path: Path) -> None:
    absent = str(tmp_path / "absent")
    with pytest.raises(VolumeError, match="is not a directory"):
        host_path({"path": absent, "type": "Directory"})
    assert host_path({"path": absent, "type": "DirectoryOrCreate"}).is_dir()
