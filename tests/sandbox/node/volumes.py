"""A Pod's volumes as folders of this machine."""

from __future__ import annotations

import base64
import os
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.sandbox.kube_api import KubeApi, Object, path_of
from tests.sandbox.node.downward import ConfigError, Place, field_value
from tests.sandbox.node.substitution import expand

TOKEN_SECONDS = 3607  # what Kubernetes asks for; the API server lets such a token live for a year
DATA = "..data"  # the link by which a kubelet exchanges all files of a volume at once

Files = Mapping[str, tuple[bytes, int]]
"""Content and mode of each file, by its relative path."""


class VolumeError(Exception):
    """A volume cannot be made yet; the Pod waits, and it is tried again."""


class Volumes:
    """Makes the volumes of one Pod in `folder`; remove them when the Pod is gone."""

    def __init__(self, api: KubeApi, pod: Object, folder: Path) -> None:
        self._api = api
        self._pod = pod
        self._folder = folder
        self._namespace: str = pod["metadata"]["namespace"]
        self._written: dict[str, Files] = {}

    async def make(self, place: Place) -> dict[str, Path]:
        """Volume name -> folder (or file, for a hostPath of one); raises VolumeError, or ApiError from the API."""
        return {volume["name"]: await self._make(volume, place) for volume in self._pod["spec"].get("volumes", [])}

    def renew(self, config_map: Callable[[str], Object | None]) -> None:
        """Bring the volumes of ConfigMaps, as `config_map` finds them by name, up to date while the Pod runs.

        Of those that are gone the files go too, where they were optional; else they stay, as with a kubelet.
        """
        for volume in self._pod["spec"].get("volumes", []):
            if "configMap" not in volume or volume["name"] not in self._written:
                continue
            source = volume["configMap"]
            found = config_map(source["name"])
            if found is None and not source.get("optional", False):
                continue
            origin = f"configmap {self._namespace}/{source['name']}"
            try:
                entries = {} if found is None else chosen(entries_of(found), source, origin)
            except VolumeError:  # a key went that a new Pod would wait for
                continue
            mode = _default_mode(volume)
            self._exchange(volume["name"], {name: (content, mode) for name, content in entries.items()})

    def remove(self) -> None:
        """Remove what belongs to the Pod alone; what a claim or a hostPath names stays."""
        shutil.rmtree(self._folder, ignore_errors=True)

    async def _make(self, volume: Object, place: Place) -> Path:
        if "hostPath" in volume:
            return host_path(volume["hostPath"])
        if "persistentVolumeClaim" in volume:
            return await self._claimed(volume["persistentVolumeClaim"]["claimName"])
        folder: Path = self._folder / volume["name"]
        files = await self._files(volume, place)
        if "configMap" in volume:
            self._exchange(volume["name"], files)
        else:
            write_files(folder, files)
        return folder

    def _exchange(self, name: str, files: Files) -> None:
        if self._written.get(name) != files:
            exchange_files(self._folder / name, files)
            self._written[name] = files

    async def _files(self, volume: Object, place: Place) -> Files:
        """Those that the volume has from the beginning."""
        if "emptyDir" in volume:
            return {}
        if "projected" in volume:
            sources, mode = volume["projected"].get("sources", []), volume["projected"].get("defaultMode", 0o644)
        else:
            sources, mode = [volume], _default_mode(volume)
        files: dict[str, bytes] = {}
        for source in sources:
            files |= await self._source(source, volume["name"], place)
        return {name: (content, mode) for name, content in files.items()}

    async def _source(self, source: Object, volume: str, place: Place) -> dict[str, bytes]:
        if "configMap" in source:
            return await self._entries("configmaps", source["configMap"], source["configMap"].get("name", ""))
        if "secret" in source:
            name = source["secret"].get("secretName") or source["secret"].get("name", "")
            return await self._entries("secrets", source["secret"], name)
        if "downwardAPI" in source:
            return self._downward(source["downwardAPI"].get("items", []), place)
        if "serviceAccountToken" in source:
            return await self._token(source["serviceAccountToken"])
        raise VolumeError(f'volume "{volume}": the stand-in node knows no volume of kind {", ".join(source)}')

    async def _entries(self, plural: str, source: Object, name: str) -> dict[str, bytes]:
        kind = plural.removesuffix("s")
        found = await self._api.get_or_none(path_of("v1", plural, self._namespace, name))
        if found is None:
            if source.get("optional", False):
                return {}
            raise VolumeError(f'{kind} "{name}" not found')
        return chosen(entries_of(found), source, f"{kind} {self._namespace}/{name}")

    def _downward(self, items: list[Object], place: Place) -> dict[str, bytes]:
        try:
            return {
                item["path"]: field_value(self._pod, item["fieldRef"]["fieldPath"], place).encode()
                for item in items
                if "fieldRef" in item
            }
        except ConfigError as error:
            raise VolumeError(str(error)) from error

    async def _token(self, source: Object) -> dict[str, bytes]:
        account = self._pod["spec"].get("serviceAccountName", "default")
        metadata = self._pod["metadata"]
        bound = {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]}
        spec: Object = {
            "expirationSeconds": source.get("expirationSeconds", TOKEN_SECONDS),
            "audiences": [source["audience"]] if "audience" in source else [],
            "boundObjectRef": bound,
        }
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        path = path_of("v1", "serviceaccounts", self._namespace, account, "token")
        answer = await self._api.create(path, request)
        token: str = answer["status"]["token"]
        return {source["path"]: token.encode()}

    async def _claimed(self, claim_name: str) -> Path:
        claim = await self._api.get_or_none(path_of("v1", "persistentvolumeclaims", self._namespace, claim_name))
        if claim is None:
            raise VolumeError(f'persistentvolumeclaim "{claim_name}" not found')
        volume_name = claim["spec"].get("volumeName")
        if not volume_name or claim.get("status", {}).get("phase") != "Bound":
            raise VolumeError(f'persistentvolumeclaim "{claim_name}" is not bound')
        volume = await self._api.get(path_of("v1", "persistentvolumes", name=volume_name))
        if "hostPath" in volume["spec"]:
            return host_path(volume["spec"]["hostPath"])
        if "local" in volume["spec"]:
            return host_path(volume["spec"]["local"] | {"type": "Directory"})
        raise VolumeError(f'persistentvolume "{volume_name}" is neither hostPath nor local')


def write_files(folder: Path, files: Files) -> None:
    """Make the folder, and in it each file."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (content, mode) in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(mode)


def exchange_files(folder: Path, files: Files) -> None:
    """Make `folder` have these files and no others, all of them in one instant.

    As a kubelet does it: they lie in a folder of their own, to which `..data` leads, and their names lead through that.
    """
    fresh = folder / f"..{time.time_ns()}"
    write_files(fresh, files)
    before = (folder / DATA).resolve()
    link = folder / "..data_tmp"
    link.symlink_to(fresh.name)
    os.replace(link, folder / DATA)
    tops = {Path(name).parts[0] for name in files}
    for path in folder.iterdir():
        if not path.name.startswith("..") and path.name not in tops:
            path.unlink()
    for top in tops:
        if not (folder / top).is_symlink():
            (folder / top).symlink_to(f"{DATA}/{top}")
    if before.name != DATA:
        shutil.rmtree(before)


def entries_of(found: Object) -> dict[str, bytes]:
    """The entries of a ConfigMap or a Secret."""
    if found["kind"] == "Secret":
        return {key: base64.b64decode(value) for key, value in found.get("data", {}).items()}
    texts = {key: value.encode() for key, value in found.get("data", {}).items()}
    return texts | {key: base64.b64decode(value) for key, value in found.get("binaryData", {}).items()}


def chosen(entries: Mapping[str, bytes], source: Object, origin: str) -> dict[str, bytes]:
    """The entries that `items` selects, under their paths; all of them when there are no items."""
    if not source.get("items"):
        return dict(entries)
    optional = source.get("optional", False)
    missing = [item["key"] for item in source["items"] if item["key"] not in entries]
    if missing and not optional:
        raise VolumeError(f"{origin} has no key {missing[0]}")
    return {item["path"]: entries[item["key"]] for item in source["items"] if item["key"] in entries}


def host_path(source: Object) -> Path:
    """The path of a hostPath; raises VolumeError when its type says that it must exist and it does not."""
    path = Path(source["path"])
    kind = source.get("type") or ""
    if kind in ("", "DirectoryOrCreate") and not path.exists():
        path.mkdir(parents=True)
    if kind == "Directory" and not path.is_dir():
        raise VolumeError(f'hostPath type check failed: "{path}" is not a directory')
    if kind == "File" and not path.is_file():
        raise VolumeError(f'hostPath type check failed: "{path}" is not a file')
    return path


def mounted(mount: Object, container: str, volumes: Mapping[str, Path], environment: Mapping[str, str]) -> Path:
    """The path that stands for a mount; ConfigError when its sub-path is missing and may not be made."""
    volume = volumes[mount["name"]]
    sub_path = mount.get("subPath") or expand(mount.get("subPathExpr", ""), environment)
    if not sub_path:
        return volume
    path = volume / sub_path
    if ".." in Path(sub_path).parts or not path.resolve().is_relative_to(volume.resolve()):
        raise ConfigError(f'subPath "{sub_path}" of volumeMount "{mount["name"]}" leaves its volume')
    if not path.exists():
        if mount.get("readOnly", False):
            raise ConfigError(
                f'failed to create subPath directory for volumeMount "{mount["name"]}" of container "{container}": '
                f'"{sub_path}" does not exist and the mount is read-only'
            )
        path.mkdir(parents=True)
    return path


def _default_mode(volume: Object) -> int:
    for kind in ("configMap", "secret", "downwardAPI"):
        if kind in volume:
            return int(volume[kind].get("defaultMode", 0o644))
    return 0o644
