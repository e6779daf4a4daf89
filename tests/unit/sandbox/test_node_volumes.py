"""A stand-in node's volumes of ConfigMaps follow them while their Pod runs."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from tests.sandbox.kube_api import KubeApi, Object
from tests.sandbox.node.downward import Place
from tests.sandbox.node.volumes import DATA, Volumes, exchange_files

PLACE = Place("127.0.1.7", "node-1", "127.0.0.1", "https://127.0.0.1:6443")


class OneConfigMap:
    """An API server with one ConfigMap, or none."""

    def __init__(self, **data: str) -> None:
        self.found: Object | None = {"kind": "ConfigMap", "data": data}

    async def get_or_none(self, path: str) -> Object | None:
        assert path.endswith("/configmaps/told")
        return self.found

    def by_name(self, name: str) -> Object | None:
        assert name == "told"
        return self.found


async def made(folder: Path, api: OneConfigMap, **source: object) -> Volumes:
    volume = {"name": "orders", "configMap": {"name": "told", **source}}
    pod = {"metadata": {"name": "one", "namespace": "plant-a"}, "spec": {"volumes": [volume]}}
    volumes = Volumes(cast(KubeApi, api), pod, folder)
    await volumes.make(PLACE)
    return volumes


def files(folder: Path) -> dict[str, str]:
    """What a program sees, without what a kubelet keeps for itself."""
    return {path.name: path.read_text() for path in folder.iterdir() if not path.name.startswith("..")}


async def test_a_change_reaches_the_files(tmp_path: Path) -> None:
    api = OneConfigMap(order="one", left="alone")
    volumes = await made(tmp_path, api)
    assert files(tmp_path / "orders") == {"order": "one", "left": "alone"}
    api.found = {"kind": "ConfigMap", "data": {"order": "two", "fresh": "new"}}
    volumes.renew(api.by_name)
    assert files(tmp_path / "orders") == {"order": "two", "fresh": "new"}
    volumes.renew(api.by_name)
    assert len([path for path in (tmp_path / "orders").iterdir() if path.is_dir() and not path.is_symlink()]) == 1


async def test_an_optional_one_may_come_and_go(tmp_path: Path) -> None:
    api = OneConfigMap()
    api.found = None
    volumes = await made(tmp_path, api, optional=True)
    assert files(tmp_path / "orders") == {}
    api.found = {"kind": "ConfigMap", "data": {"order": "one"}}
    volumes.renew(api.by_name)
    assert files(tmp_path / "orders") == {"order": "one"}
    api.found = None
    volumes.renew(api.by_name)
    assert files(tmp_path / "orders") == {}


@pytest.mark.parametrize("source", [{}, {"items": [{"key": "order", "path": "order"}]}])
async def test_what_a_new_pod_would_wait_for_stays_in_one_that_runs(tmp_path: Path, source: Object) -> None:
    api = OneConfigMap(order="one")
    volumes = await made(tmp_path, api, **source)
    api.found = None if not source else {"kind": "ConfigMap", "data": {}}
    volumes.renew(api.by_name)
    assert files(tmp_path / "orders") == {"order": "one"}


def test_all_files_change_in_one_instant(tmp_path: Path) -> None:
    """Whoever has followed the link reads files of one time."""
    exchange_files(tmp_path, {"a": (b"1", 0o644), "in/b": (b"1", 0o600)})
    assert (tmp_path / "a").resolve().parent == (tmp_path / DATA).resolve()
    before = (tmp_path / DATA).resolve()
    exchange_files(tmp_path, {"a": (b"2", 0o644)})
    assert (tmp_path / DATA).resolve() != before
    assert (tmp_path / "a").read_bytes() == b"2"
    assert not (tmp_path / "in").is_symlink()
    assert not before.exists()
