"""A container's environment variables, from its `env` and `envFrom`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.sandbox.kube_api import Object
from tests.sandbox.node.downward import ConfigError, Place, field_value
from tests.sandbox.node.substitution import expand

Entries = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Sources:
    """The entries of the ConfigMaps and Secrets that exist, by their names."""

    config_maps: Entries
    secrets: Entries


def service_variables(api_server: str) -> dict[str, str]:
    """How every container learns where the API server is; `api_server` is its URL, and empty gives nothing."""
    address = urlsplit(api_server)
    if not address.hostname or not address.port:
        return {}
    port = str(address.port)
    return {
        "KUBERNETES_SERVICE_HOST": address.hostname,
        "KUBERNETES_SERVICE_PORT": port,
        "KUBERNETES_SERVICE_PORT_HTTPS": port,
    }


def source_names(container: Object) -> tuple[set[str], set[str]]:
    """The names of the ConfigMaps and of the Secrets that a container's environment refers to."""
    config_maps: set[str] = set()
    secrets: set[str] = set()
    for reference in _references(container):
        for key, names in (("configMap", config_maps), ("secret", secrets)):
            names.update(reference[kind]["name"] for kind in (f"{key}KeyRef", f"{key}Ref") if kind in reference)
    return config_maps, secrets


def _references(container: Object) -> Iterator[Object]:
    yield from container.get("envFrom", [])
    yield from (variable["valueFrom"] for variable in container.get("env", []) if "valueFrom" in variable)


def container_environment(
    container: Object, pod: Object, place: Place, sources: Sources, given: Mapping[str, str]
) -> dict[str, str]:
    """`given`, then `envFrom`, then `env`; a value may refer to a variable before it as `$(NAME)`.

    Raises ConfigError in the kubelet's words when something referred to is not there and not optional.
    """
    environment = dict(given)
    for source in container.get("envFrom", []):
        for key, value in _all_entries(source, sources).items():
            environment[source.get("prefix", "") + key] = value
    for variable in container.get("env", []):
        if "valueFrom" in variable:
            found = _value_from(variable["valueFrom"], pod, place, sources)
            if found is not None:
                environment[variable["name"]] = found
        else:
            environment[variable["name"]] = expand(variable.get("value", ""), environment)
    return environment


def _all_entries(source: Object, sources: Sources) -> Mapping[str, str]:
    for kind, reference, entries in (
        ("configmap", source.get("configMapRef"), sources.config_maps),
        ("secret", source.get("secretRef"), sources.secrets),
    ):
        if reference is None:
            continue
        if reference["name"] in entries:
            return entries[reference["name"]]
        if not reference.get("optional", False):
            raise ConfigError(f'{kind} "{reference["name"]}" not found')
    return {}


def _value_from(source: Object, pod: Object, place: Place, sources: Sources) -> str | None:
    if "fieldRef" in source:
        return field_value(pod, source["fieldRef"]["fieldPath"], place)
    if "configMapKeyRef" in source:
        return _entry(source["configMapKeyRef"], sources.config_maps, "configmap", "ConfigMap", pod)
    if "secretKeyRef" in source:
        return _entry(source["secretKeyRef"], sources.secrets, "secret", "Secret", pod)
    raise ConfigError(f"the stand-in node knows no environment variable from {', '.join(source)}")


def _entry(reference: Object, entries: Entries, lower: str, kind: str, pod: Object) -> str | None:
    name, key, optional = reference["name"], reference["key"], reference.get("optional", False)
    if name in entries and key in entries[name]:
        return entries[name][key]
    if optional:
        return None
    if name not in entries:
        raise ConfigError(f'{lower} "{name}" not found')
    raise ConfigError(f"couldn't find key {key} in {kind} {pod['metadata']['namespace']}/{name}")
