"""`WeldModel.spec`: what the platform team asks for."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from weld_api.names import DNS_LABEL_PATTERN, DNS_SUBDOMAIN_PATTERN
from weld_api.quantity import Duration, Quantity, parse_duration
from weld_api.region import MOST_REGIONS, NAMED_ONCE, Failover, Region
from weld_api.rollout import Rollout
from weld_api.schema import CelRule, Schema

INPUT_NAME_PATTERN = r"^[a-z][a-z0-9_]*$"
KIND_PATTERN = r"^[A-Z][A-Za-z0-9]*$"
SHA256_PATTERN = r"^[0-9a-f]{64}$"
SEMANTIC_VERSION_PATTERN = r"^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$"
STORAGE_URI_PATTERN = r"^(pvc|s3|gs|https|http)://[^\s/]+(/[^\s]*)?$"
CLIMBING_PATTERN = r"/([.]|%2[eE]){1,2}(/|[?]|#|$)"
"""Found in addresses with a segment `.` or `..`, which may lead out of the folder that they seem to be in."""


class Asset(Schema):
    """What is inspected."""

    cel_rules: ClassVar[tuple[CelRule, ...]] = (
        CelRule(
            "self.kind == oldSelf.kind",
            "asset.kind cannot be changed: its ledger and its sensors belong to that kind; make a new WeldModel",
            ".kind",
        ),
    )

    kind: Annotated[
        str,
        Field(
            pattern=KIND_PATTERN,
            max_length=63,
            description="Kind of asset; the bundle's card must name the same. Cannot be changed.",
        ),
    ]
    site: Annotated[
        str, Field(pattern=DNS_LABEL_PATTERN, max_length=63, description="The site that the sensors belong to.")
    ]


class ResourceAmounts(Schema):
    """Amounts of the resources that a container uses."""

    cpu: Annotated[Quantity | None, Field(description="Cores, such as 500m or 2.")] = None
    memory: Annotated[Quantity | None, Field(description="Bytes, such as 512Mi.")] = None


def _request_within_limit(resource: str) -> CelRule:
    request, limit = (f"self.{block}.{resource}" for block in ("requests", "limits"))
    return CelRule(
        f"!has({request}) || !has({limit}) || quantity(string({request})).compareTo(quantity(string({limit}))) <= 0",
        f"resources.requests.{resource} must not be above resources.limits.{resource}",
        f".requests.{resource}",
    )


class Resources(Schema):
    """What one replica of the predictor asks for and may use."""

    cel_rules: ClassVar[tuple[CelRule, ...]] = (_request_within_limit("cpu"), _request_within_limit("memory"))

    requests: Annotated[ResourceAmounts, Field(description="What the scheduler sets aside.")] = ResourceAmounts(
        cpu="500m", memory="512Mi"
    )
    limits: Annotated[ResourceAmounts, Field(description="What a replica never exceeds.")] = ResourceAmounts()


class Model(Schema):
    """The bundle to serve; a new `sha256` makes a new revision."""

    cel_rules: ClassVar[tuple[CelRule, ...]] = (
        CelRule(f"!self.uri.matches('{CLIMBING_PATTERN}')", "model.uri must have no part '.' or '..'", ".uri"),
    )

    version: Annotated[
        str,
        Field(
            pattern=SEMANTIC_VERSION_PATTERN,
            max_length=63,
            description="The bundle's version, as its card states it, such as 2.0.0.",
        ),
    ]
    uri: Annotated[
        str,
        Field(
            pattern=STORAGE_URI_PATTERN,
            max_length=1024,
            description="Where the bundle is: pvc://claim/path, s3://, gs:// or https://.",
        ),
    ]
    sha256: Annotated[
        str,
        Field(
            pattern=SHA256_PATTERN,
            min_length=64,
            max_length=64,
            description="SHA-256 of the bundle's manifest, lower-case hexadecimal; `weldserve bundle show` prints it.",
        ),
    ]
    service_account_name: Annotated[
        str | None,
        Field(
            pattern=DNS_SUBDOMAIN_PATTERN,
            max_length=253,
            description="ServiceAccount that fetches the bundle and runs the replicas; the installation's when absent.",
        ),
    ] = None
    resources: Annotated[Resources, Field(description="Resources of one replica.")] = Resources()


class Workload(Schema):
    """What the sensors send, and by when they need an answer."""

    cel_rules: ClassVar[tuple[CelRule, ...]] = (
        CelRule("self.tick > duration('0s')", "workload.tick must be longer than 0", ".tick"),
        CelRule("self.jitter < self.tick", "workload.jitter must be shorter than workload.tick", ".jitter"),
        CelRule("self.deadline > duration('0s')", "workload.deadline must be longer than 0", ".deadline"),
    )

    readings_per_tick: Annotated[
        int, Field(ge=1, le=10_000_000, description="Readings that arrive in one tick, over all sensors.")
    ]
    tick: Annotated[Duration, Field(description="The sampling interval.")] = "100ms"
    jitter: Annotated[Duration, Field(description="Standard deviation of the delivery time.")] = "20ms"
    deadline: Annotated[
        Duration, Field(description="Time within which a reading that has arrived must be answered.")
    ] = "100ms"

    @property
    def readings_per_second(self) -> Decimal:
        return Decimal(self.readings_per_tick) / Decimal(str(parse_duration(self.tick) / timedelta(seconds=1)))


class Batching(Schema):
    """How requests that wait at the same time are scored together."""

    cel_rules: ClassVar[tuple[CelRule, ...]] = (
        CelRule(
            "self.maxReadings <= self.queueReadings",
            "batching.maxReadings must not be above batching.queueReadings",
            ".maxReadings",
        ),
    )

    max_readings: Annotated[int, Field(ge=1, le=1_000_000, description="Readings scored in one pass, at most.")] = (
        16_384
    )
    max_delay: Annotated[Duration, Field(description="Longest time that a request waits for company, under load.")] = (
        "2ms"
    )
    queue_readings: Annotated[
        int,
        Field(
            ge=1,
            le=10_000_000,
            description="Readings that may wait; what comes beyond is refused at once with 429.",
        ),
    ] = 40_000


class WatchedFeature(Schema):
    """A feature, and how far it may go before a reading is scored again."""

    name: Annotated[
        str,
        Field(min_length=1, max_length=63, pattern=INPUT_NAME_PATTERN, description="Its name in the bundle's card."),
    ]
    dead_band: Annotated[
        float,
        Field(ge=0, le=1e15, description="Distance from the last scored reading, in the feature's unit, that is none."),
    ]


class OnChange(Schema):
    """Which readings count as no change."""

    cel_rules: ClassVar[tuple[CelRule, ...]] = (
        CelRule(
            "self.features.all(one, self.features.exists_one(other, other.name == one.name))",
            "intake.onChange.features must name each feature once",
            ".features",
        ),
    )

    features: Annotated[
        tuple[WatchedFeature, ...],
        Field(min_length=1, max_length=8, description="A reading is scored if one of these leaves its dead band."),
    ]


def _only_with(sampling: str, field: str) -> CelRule:
    return CelRule(
        f"(self.sampling == '{sampling}') == has(self.{field})",
        f"intake.{field} must be given with intake.sampling {sampling}, and only then",
        f".{field}",
    )


class Intake(Schema):
    """What becomes of readings that come late, or more often than they need to be scored."""

    cel_rules: ClassVar[tuple[CelRule, ...]] = (
        _only_with("EveryNth", "everyNth"),
        _only_with("OnChange", "onChange"),
        CelRule(
            "self.longestSilence > duration('0s')", "intake.longestSilence must be longer than 0", ".longestSilence"
        ),
    )

    sampling: Annotated[
        Literal["All", "EveryNth", "OnChange"],
        Field(description="Which of a sensor's sound readings are scored; the others get the answer of the last one."),
    ] = "All"
    every_nth: Annotated[
        int | None, Field(ge=2, le=10_000, description="With EveryNth: of so many readings of a sensor one is scored.")
    ] = None
    on_change: Annotated[OnChange | None, Field(description="With OnChange: what counts as a change.")] = None
    longest_silence: Annotated[
        Duration, Field(description="Time after a scored reading from which on the next one is scored in any case.")
    ] = "10s"
    lateness: Annotated[
        Duration | None,
        Field(
            description="Time after its sampling from which on a reading is late; when absent, the workload's deadline "
            "and three times its jitter."
        ),
    ] = None
    late: Annotated[
        Literal["Reserve", "Reject"],
        Field(description="What becomes of a late or disordered reading: scored with Reserve, or not scored (Reject)."),
    ] = "Reserve"
    most_sensors: Annotated[
        int, Field(ge=1, le=10_000_000, description="Sensors that a replica remembers, about 130 bytes each.")
    ] = 1_000_000


DEFAULT_CPU_UTILIZATION = 70
"""No default of the field: the API server would fill it in beside readingsPerSecond."""


class ScalingTarget(Schema):
    """The signal that replicas follow: the CPU, or the readings that they answer."""

    cel_rules: ClassVar[tuple[CelRule, ...]] = (
        CelRule(
            "!has(self.cpuUtilization) || !has(self.readingsPerSecond)",
            "scaling.target must have only one of cpuUtilization and readingsPerSecond; "
            "cpuUtilization: null takes away one that was filled in before",
            ".readingsPerSecond",
        ),
    )

    cpu_utilization: Annotated[
        int | None,
        Field(
            ge=1,
            le=100,
            description="Average CPU use to aim at, in percent of the request; "
            f"{DEFAULT_CPU_UTILIZATION} where neither is given.",
        ),
    ] = None
    readings_per_second: Annotated[
        int | None,
        Field(
            ge=1,
            le=100_000_000,
            description="Readings a second to aim at for each replica, as `weldserve bundle target` reckons them; "
            "needs KEDA and a Prometheus.",
        ),
    ] = None

    @property
    def cpu_percent(self) -> int:
        """Average CPU use to aim at where the CPU is followed, in percent of the request."""
        return DEFAULT_CPU_UTILIZATION if self.cpu_utilization is None else self.cpu_utilization

    @property
    def follows_readings(self) -> bool:
        return self.readings_per_second is not None


class Scaling(Schema):
    """How many replicas each revision has."""

    cel_rules: ClassVar[tuple[CelRule, ...]] = (
        CelRule(
            "self.minReplicas <= self.maxReplicas",
            "scaling.minReplicas must not be above scaling.maxReplicas",
            ".minReplicas",
        ),
    )

    min_replicas: Annotated[int, Field(ge=1, le=1000, description="Replicas at the least.")] = 2
    max_replicas: Annotated[int, Field(ge=1, le=1000, description="Replicas at the most.")] = 4
    target: Annotated[ScalingTarget, Field(description="What the replicas follow.")] = ScalingTarget()


class Availability(Schema):
    """What may be lost at once without an interruption."""

    max_unavailable: Annotated[
        int, Field(ge=1, le=1000, description="Replicas that a planned disruption may take at once.")
    ] = 1
    spread_across: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=253)], ...],
        Field(
            max_length=4,
            description="Node labels across which replicas are spread.",
        ),
    ] = ("topology.kubernetes.io/zone", "kubernetes.io/hostname")


class Serving(Schema):
    """How the model is served."""

    cel_rules: ClassVar[tuple[CelRule, ...]] = (
        CelRule(
            "self.mode == oldSelf.mode",
            "serving.mode cannot be changed: KServe keeps an InferenceService in its mode; make a new WeldModel",
            ".mode",
        ),
        CelRule(
            "self.traffic == oldSelf.traffic",
            "serving.traffic cannot be changed: it decides what serves the stable revision; make a new WeldModel",
            ".traffic",
        ),
        CelRule(
            "self.traffic != 'Native' || self.mode == 'Standard'",
            "serving.traffic Native needs serving.mode Standard: it divides requests by KServe's spec.canary",
            ".traffic",
        ),
        CelRule(
            "!has(self.scaling.target.readingsPerSecond) || (self.mode == 'Standard' && self.traffic == 'Gateway')",
            "scaling.target.readingsPerSecond needs serving.mode Standard and serving.traffic Gateway: "
            "nothing else gives each revision a scaler of its own that follows readings",
            ".scaling.target.readingsPerSecond",
        ),
    )

    mode: Annotated[
        Literal["Standard", "Knative"], Field(description="KServe's deployment mode. Cannot be changed.")
    ] = "Standard"
    traffic: Annotated[
        Literal["Gateway", "Native"],
        Field(
            description="In mode Standard, what divides requests between two revisions: an HTTPRoute of the operator's "
            "(Gateway), or KServe's spec.canary (Native; KServe 0.21 or later). Cannot be changed."
        ),
    ] = "Gateway"
    batching: Annotated[Batching, Field(description="Batching across requests.")] = Batching()
    intake: Annotated[
        Intake | None, Field(description="Late readings and sampling; every reading is scored when absent.")
    ] = None
    scaling: Annotated[Scaling, Field(description="Replicas of each revision.")] = Scaling()
    availability: Annotated[Availability, Field(description="Bearing of disruptions.")] = Availability()
    ready_within: Annotated[
        Duration,
        Field(description="Time after which a revision that is not ready is reported as failed."),
    ] = "10m"
    retire_after: Annotated[
        Duration,
        Field(description="Time for which a revision that was replaced stays up, with no traffic."),
    ] = "1m"


class WeldModelSpec(Schema):
    """One model that watches one asset."""

    cel_rules: ClassVar[tuple[CelRule, ...]] = (
        CelRule(
            "self.serving.batching.maxDelay <= self.workload.deadline",
            "workload.deadline must be at least serving.batching.maxDelay",
            ".workload.deadline",
        ),
        CelRule(NAMED_ONCE, "regions must have each name once", ".regions"),
        CelRule(
            "size(self.regions) == 0 || self.serving.mode == 'Standard' && self.serving.traffic == 'Gateway'",
            "regions need serving.mode Standard and serving.traffic Gateway: the operator divides requests among them",
            ".regions",
        ),
        CelRule(
            "size(self.regions) == 0 || self.regions.map(region, region.share).sum() == 100",
            "regions[].share must add up to 100",
            ".regions",
        ),
        CelRule(
            "self.regions.all(one, one.failoverTo.all(name, name != one.name && "
            "self.regions.exists(other, other.name == name)))",
            "regions[].failoverTo must name other regions of this WeldModel",
            ".regions",
        ),
        CelRule(
            "!has(self.rollout) || size(self.rollout.waves) == 0 || "
            "self.regions.all(region, self.rollout.waves.exists(wave, region.name in wave.regions)) && "
            "self.rollout.waves.all(wave, wave.regions.all(name, self.regions.exists(region, region.name == name)))",
            "rollout.waves must name each of regions, and nothing else",
            ".rollout.waves",
        ),
        CelRule(
            "oldSelf.regions.all(old, self.regions.all(new, old.name != new.name || "
            "has(old.cluster.local) == has(new.cluster.local) && "
            "(has(old.cluster.local) || old.cluster.kubeconfigSecret == new.cluster.kubeconfigSecret)))",
            "regions[].cluster cannot be another one, as what serves there would stay behind: add a region, and remove "
            "this one later",
            ".regions",
        ),
    )

    asset: Asset
    model: Model
    workload: Workload
    serving: Annotated[Serving, Field(description="How the model is served.")] = Serving()
    rollout: Annotated[
        Rollout | None,
        Field(description="The trial of each next bundle; when absent, one answers as soon as it is ready, untried."),
    ] = None
    regions: Annotated[
        tuple[Region, ...],
        Field(
            max_length=MOST_REGIONS,
            description="Where the model is served, in the order in which a bundle is rolled out; when empty, in this "
            "cluster as a whole.",
        ),
    ] = ()
    failover: Annotated[
        Failover | None, Field(description="When regions take over for one that is lost; the usual times when absent.")
    ] = None
