"""The operator's settings: `--name=value` arguments, each with a default that suits a cluster with KServe."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from weld_api.arguments import Arguments
from weld_api.names import DNS_LABEL_PATTERN, DNS_SUBDOMAIN_PATTERN
from weld_api.quantity import Duration, parse_duration
from weld_api.region import COUNTRY_PATTERN
from weld_operator.domain.regions.countries import Residency

NAME_PATTERN = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"


class OperatorSettings(Arguments):
    """Every setting of the operator; each is one argument, `gateway_name` being `--gateway-name`."""

    program: ClassVar[str] = "operator"

    kubeconfig: Annotated[Path | None, Field(description="Outside of a cluster: how to reach one.")] = None
    service_account_folder: Annotated[
        Path, Field(description="Inside of a cluster: the folder of the ServiceAccount's token and ca.crt.")
    ] = Path("/var/run/secrets/kubernetes.io/serviceaccount")
    namespaces: Annotated[
        tuple[Annotated[str, Field(pattern=DNS_LABEL_PATTERN, max_length=63)], ...],
        Field(description="Namespaces to look after, separated by commas; all when absent."),
    ] = ()
    gateway_namespace: Annotated[str, Field(pattern=DNS_LABEL_PATTERN, description="Namespace of the Gateway.")] = (
        "kserve"
    )
    gateway_name: Annotated[str, Field(pattern=NAME_PATTERN, description="Name of the Gateway.")] = (
        "kserve-ingress-gateway"
    )
    domain: Annotated[
        str, Field(pattern=NAME_PATTERN, max_length=190, description="Domain of `<model>.<namespace>.<domain>`.")
    ] = "example.com"
    runtime: Annotated[str, Field(pattern=NAME_PATTERN, description="Name of the ServingRuntime.")] = "weldserve"
    predictor_service_account: Annotated[
        str | None,
        Field(
            pattern=DNS_SUBDOMAIN_PATTERN,
            max_length=253,
            description="ServiceAccount of predictors whose WeldModel names none; left out or empty: none.",
        ),
    ] = None
    prometheus_url: Annotated[
        str | None,
        Field(pattern=r"^https?://[^\s/]+(/[^\s]*)?$", description="Address of a Prometheus; left out or empty: none."),
    ] = None
    workers: Annotated[int, Field(ge=1, le=64, description="WeldModels that are worked on at once.")] = 4
    resync: Annotated[Duration, Field(description="Time after which a WeldModel is looked at without a cause.")] = "10m"
    remote_cleanup: Annotated[
        Duration,
        Field(
            description="Time that a deleted WeldModel waits for what it has in other clusters to be deleted; what may "
            "be left after that is told in an Event."
        ),
    ] = "60s"
    shards: Annotated[
        int,
        Field(
            ge=1,
            le=64,
            description="Parts that the WeldModels are divided into, each looked after by another replica; the same "
            "for all replicas.",
        ),
    ] = 1
    lease_namespace: Annotated[str, Field(pattern=DNS_LABEL_PATTERN, description="Namespace of the Lease.")] = (
        "weldserve-system"
    )
    lease_name: Annotated[
        str,
        Field(
            pattern=NAME_PATTERN,
            description="Name of the Lease; with shards each has one beside it, `<name>-0` and so on.",
        ),
    ] = "weldserve-operator"
    lease_duration: Annotated[
        Duration,
        Field(description="Time after which another replica takes a Lease that is not renewed; whole seconds."),
    ] = "15s"
    lease_renew_deadline: Annotated[
        Duration, Field(description="Time after which a leader that cannot renew the Lease gives up.")
    ] = "10s"
    lease_retry: Annotated[Duration, Field(description="Time between looks at the Lease.")] = "2s"
    identity: Annotated[
        str,
        Field(
            min_length=1,
            description="This replica's name in the Lease.",
            default_factory=lambda: f"{socket.gethostname()}_{os.getpid()}",
        ),
    ]
    listen_address: Annotated[str, Field(description="Address of /healthz, /readyz and /metrics.")] = "0.0.0.0"
    http_port: Annotated[int, Field(ge=0, le=65535, description="Port of /healthz, /readyz and /metrics.")] = 8080
    country: Annotated[
        str,
        Field(
            pattern=r"^([A-Z]{2})?$",
            description="Country (ISO 3166-1, two letters) whose regions are served here; all regions when absent.",
        ),
    ] = ""
    residency_stores: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[a-z0-9]+://([^\s,']*/)?$", max_length=1024)], ...],
        Field(
            description="What the address of a bundle may begin with, each up to a /, separated by commas; anything "
            "when absent."
        ),
    ] = ()
    residency_countries: Annotated[
        tuple[Annotated[str, Field(pattern=COUNTRY_PATTERN)], ...],
        Field(description="Countries that regions may be in, separated by commas; any when absent."),
    ] = ()
    published_port: Annotated[
        int | None,
        Field(ge=0, le=65535, description="Port of endpoint and status documents; left out or empty: none."),
    ] = None
    published_signing_key: Annotated[
        Path | None, Field(description="Private key (Ed25519, PEM) that signs them; left out or empty: none.")
    ] = None
    published_certificate: Annotated[
        Path | None, Field(description="Certificate with its chain (PEM), for TLS; left out or empty: plain HTTP.")
    ] = None
    published_certificate_key: Annotated[
        Path | None, Field(description="Private key of that certificate (PEM); left out or empty: none.")
    ] = None
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Field(description="Least level that is logged.")
    ] = "info"

    @property
    def residency(self) -> Residency:
        return Residency(self.country, self.residency_stores, self.residency_countries)

    @field_validator("namespaces", "residency_stores", "residency_countries", mode="before")
    @classmethod
    def _separated(cls, value: Any) -> Any:
        return tuple(filter(None, value.split(","))) if isinstance(value, str) else value

    @field_validator(
        "predictor_service_account",
        "prometheus_url",
        "published_port",
        "published_signing_key",
        "published_certificate",
        "published_certificate_key",
        mode="before",
    )
    @classmethod
    def _none_when_empty(cls, value: Any) -> Any:
        return None if value == "" else value

    @field_validator("kubeconfig", "published_signing_key", "published_certificate", "published_certificate_key")
    @classmethod
    def _exists(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_file():
            raise ValueError("there is no such file")
        return path

    @model_validator(mode="after")
    def _certificate_has_a_key(self) -> Self:
        if (self.published_certificate is None) != (self.published_certificate_key is None):
            raise ValueError("--published-certificate and --published-certificate-key must be given together")
        return self

    @model_validator(mode="after")
    def _lease_is_sound(self) -> Self:
        duration, deadline, retry = map(
            parse_duration, (self.lease_duration, self.lease_renew_deadline, self.lease_retry)
        )
        if duration.total_seconds() < 1 or duration.microseconds:
            raise ValueError(f"--lease-duration={self.lease_duration}: a Lease counts in whole seconds, at least 1s")
        if not retry < deadline < duration:
            raise ValueError("--lease-retry must be below --lease-renew-deadline, and that below --lease-duration")
        return self
