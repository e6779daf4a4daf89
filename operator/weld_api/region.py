"""`WeldModel.spec.regions` and `spec.failover`: where a model is served, and who takes over for whom."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from weld_api.names import DNS_LABEL_PATTERN, DNS_SUBDOMAIN_PATTERN
from weld_api.quantity import Duration
from weld_api.schema import CelRule, Schema

COUNTRY_PATTERN = r"^[A-Z]{2}$"
"""A country's code of two letters (ISO 3166-1)."""

MOST_REGIONS = 16
REGION_NAME_LENGTH = 20
NAMED_ONCE = "self.regions.all(one, self.regions.exists_one(other, other.name == one.name))"

RegionName = Annotated[str, Field(pattern=DNS_LABEL_PATTERN, max_length=REGION_NAME_LENGTH)]


class LocalCluster(Schema):
    """The cluster that the operator runs in."""

    node_selector: Annotated[
        dict[str, Annotated[str, Field(max_length=63)]],
        Field(
            default_factory=dict,
            max_length=8,
            description="Labels of the region's nodes, such as topology.kubernetes.io/region; any node when empty.",
        ),
    ]


class RegionCluster(Schema):
    """Which cluster a region is in."""

    cel_rules: ClassVar[tuple[CelRule, ...]] = (
        CelRule(
            "has(self.local) != has(self.kubeconfigSecret)",
            "cluster must have exactly one of local, kubeconfigSecret",
            ".local",
        ),
    )

    local: Annotated[LocalCluster | None, Field(description="This cluster.")] = None
    kubeconfig_secret: Annotated[
        str | None,
        Field(
            pattern=DNS_SUBDOMAIN_PATTERN,
            max_length=253,
            description="Another cluster: the Secret in the WeldModel's namespace whose key kubeconfig says how to "
            "reach it.",
        ),
    ] = None


class RegionScaling(Schema):
    """Replicas of each revision in one region, instead of those of serving.scaling."""

    cel_rules: ClassVar[tuple[CelRule, ...]] = (
        CelRule(
            "self.minReplicas <= self.maxReplicas",
            "regions[].scaling.minReplicas must not be above regions[].scaling.maxReplicas",
            ".minReplicas",
        ),
    )

    min_replicas: Annotated[int, Field(ge=1, le=1000, description="Replicas at the least.")]
    max_replicas: Annotated[int, Field(ge=1, le=1000, description="Replicas at the most.")]


class Region(Schema):
    """One place that serves a share of the inspection points."""

    cel_rules: ClassVar[tuple[CelRule, ...]] = (
        CelRule(
            "self.failoverTo.all(one, self.failoverTo.exists_one(other, other == one))",
            "regions[].failoverTo must have each name once",
            ".failoverTo",
        ),
    )

    name: Annotated[RegionName, Field(description="Its name; other regions and waves name it so.")]
    country: Annotated[
        str | None,
        Field(
            pattern=COUNTRY_PATTERN,
            max_length=2,
            description="Its country (ISO 3166-1, two letters); an installation of another country leaves the region "
            "alone. Every installation serves a region that has none.",
        ),
    ] = None
    cluster: Annotated[RegionCluster, Field(description="Which cluster it is in.")]
    share: Annotated[
        int,
        Field(ge=0, le=100, description="Inspection points that send their readings here, of a hundred; 0 stands by."),
    ]
    scaling: Annotated[
        RegionScaling | None, Field(description="Replicas here, where they differ from serving.scaling.")
    ] = None
    failover_to: Annotated[
        tuple[RegionName, ...],
        Field(max_length=4, description="Regions that carry its share, in equal parts, while it does not serve."),
    ] = ()


class Failover(Schema):
    """When regions take over for one that is lost, and when they give back."""

    cel_rules: ClassVar[tuple[CelRule, ...]] = (
        CelRule("self.after >= duration('1s')", "failover.after must be at least 1s", ".after"),
        CelRule("self.back >= duration('1s')", "failover.back must be at least 1s", ".back"),
    )

    after: Annotated[Duration, Field(description="Time without serving after which the others take over.")] = "30s"
    back: Annotated[Duration, Field(description="Time of serving without a break after which they give back.")] = "5m"
    capacity: Annotated[
        Literal["Standing", "OnLoss"],
        Field(
            description="Whether regions hold, at any time, the replicas to carry the share of any one region that "
            "names them (Standing), or grow when it is lost (OnLoss)."
        ),
    ] = "Standing"
