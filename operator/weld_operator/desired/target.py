"""Where objects are made for: the cluster's names that an installation chooses."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """The Gateway that requests come through, the domain below which hosts are named, and the ServingRuntime.

    `predictor_service_account`: of predictors whose WeldModel names none; None leaves it to the cluster.
    `prometheus_url`: the installation's Prometheus. `follows_readings`: whether all is there that it takes to scale by
    readings.
    """

    gateway_namespace: str
    gateway_name: str
    domain: str
    runtime: str
    predictor_service_account: str | None = None
    prometheus_url: str | None = None
    follows_readings: bool = False

    def host(self, name: str, namespace: str) -> str:
        """The host at which a WeldModel's sensors send readings."""
        return f"{name}.{namespace}.{self.domain}"

    def url(self, name: str, namespace: str) -> str:
        """The address at which a WeldModel's sensors send readings."""
        return f"http://{self.host(name, namespace)}"
