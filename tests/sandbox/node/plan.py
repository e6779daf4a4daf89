"""How a container is run as a process: its command, environment and folder, every substitution done."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.sandbox.kube_api import Object
from tests.sandbox.node.downward import ConfigError, Place
from tests.sandbox.node.environment import Sources, container_environment, service_variables
from tests.sandbox.node.images import command_line
from tests.sandbox.node.ports import port_number
from tests.sandbox.node.substitution import Substitution, expand
from tests.sandbox.node.volumes import mounted

REPOSITORY = Path(__file__).resolve().parents[3]
TERMINATION_LOG = "/dev/termination-log"
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
PROBE_KINDS = ("httpGet", "tcpSocket", "exec")
HOOK_KINDS = ("exec", "sleep", "httpGet")


@dataclass(frozen=True)
class Plan:
    """One container as a process of this machine; `substitution` serves its probes and hooks too."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path
    log: Path
    termination_file: Path
    substitution: Substitution


def plan(
    container: Object, pod: Object, place: Place, sources: Sources, volumes: Mapping[str, Path], pod_folder: Path
) -> Plan:
    """Plan a container; raises ConfigError when its Pod's spec does not allow one or asks for what is not done here."""
    check_supported(container)
    name = container["name"]
    before = {"HOSTNAME": pod["metadata"]["name"], **service_variables(place.api_server)}
    given = container_environment(container, pod, place, sources, before)
    termination_file = pod_folder / f"{name}.termination"
    paths = {container.get("terminationMessagePath", TERMINATION_LOG): str(termination_file)}
    for mount in container.get("volumeMounts", []):
        paths[mount["mountPath"].rstrip("/")] = str(mounted(mount, name, volumes, given))
    substitution = Substitution(paths, place.address)
    command = [expand(part, given) for part in command_line(container)]
    given = _temporary_folder(paths) | {key: substitution.text(value) for key, value in given.items()}
    return Plan(
        command=tuple(substitution.command(command)),
        environment=_process_environment(given, pod_folder),
        folder=_working_folder(container.get("workingDir", ""), substitution, pod_folder),
        log=pod_folder / f"{name}.log",
        termination_file=termination_file,
        substitution=substitution,
    )


def check_supported(container: Object) -> None:
    """Raise ConfigError when the container asks for something that the stand-in node would silently not do."""
    if container.get("restartPolicy") == "Always":
        raise ConfigError("the stand-in node runs no sidecar init containers (restartPolicy: Always)")
    if "postStart" in container.get("lifecycle", {}):
        raise ConfigError("the stand-in node runs no postStart hook")
    for probe in PROBES:
        _check_action(container.get(probe), probe, PROBE_KINDS, container)
    _check_action(container.get("lifecycle", {}).get("preStop"), "preStop", HOOK_KINDS, container)


def _check_action(action: Object | None, name: str, kinds: tuple[str, ...], container: Object) -> None:
    if action is None:
        return
    kind = next((kind for kind in kinds if kind in action), None)
    if kind is None:
        raise ConfigError(f"the stand-in node knows {', '.join(kinds)} for {name}, not {', '.join(action)}")
    if "port" in action[kind]:
        try:
            port_number(action[kind]["port"], container)
        except ValueError as error:
            raise ConfigError(f"{name}: {error}") from error


def _process_environment(given: Mapping[str, str], pod_folder: Path) -> dict[str, str]:
    """The container's variables, and what an image would bring: PATH, HOME, and this repository's modules."""
    modules = [str(REPOSITORY), str(REPOSITORY / "operator"), str(REPOSITORY / "predictor")]
    own = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "HOME": str(pod_folder),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
    }
    python_path = os.pathsep.join([*modules, *([given["PYTHONPATH"]] if "PYTHONPATH" in given else [])])
    return {**own, **given, "PYTHONPATH": python_path}


def _temporary_folder(paths: Mapping[str, str]) -> dict[str, str]:
    """What makes programs use a volume that is mounted at /tmp."""
    return {"TMPDIR": paths["/tmp"]} if "/tmp" in paths else {}


def _working_folder(working_dir: str, substitution: Substitution, pod_folder: Path) -> Path:
    """The container's working folder where it lies in a volume; the Pod's folder in place of one of its image."""
    replaced = substitution.text(working_dir)
    return Path(replaced) if replaced != working_dir else pod_folder
