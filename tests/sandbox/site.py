"""Where the product is tried: the rig, or a cluster that somebody gives."""

from __future__ import annotations

from typing import Protocol

from tests.sandbox.helm import Helm
from tests.sandbox.kube_api import KubeApi, Object
from tests.sandbox.sensor_stream import Endpoint


class Site(Protocol):
    """A cluster with KServe and the Gateway API, and a store of bundles that its predictors reach."""

    @property
    def helm(self) -> Helm:
        """Helm, as administrator."""

    def api(self) -> KubeApi:
        """A session as administrator; the caller closes it."""

    async def kubectl(self, *arguments: str, document: object = None) -> str:
        """What kubectl prints, as administrator; RuntimeError with its words when it fails."""

    def endpoint(self, namespace: str, model: str) -> Endpoint:
        """Where a WeldModel is reached."""

    def bundle_uri(self, version: str) -> str:
        """Where the bundle of a version is, for `spec.model.uri`."""

    def country_values(self, country: str, *namespaces: str) -> Object:
        """The values of a country's chart; its namespaces must exist."""

    async def prepare_namespace(self, name: str) -> None:
        """Make a namespace in which WeldModels can find bundles."""
