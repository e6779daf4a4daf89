"""One gate of a rollout: a condition that a step must meet."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from weld_api.quantity import Duration
from weld_api.schema import CelRule, Schema

GATE_NAME_PATTERN = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"
LONGEST_QUERY = 1024

Share = Annotated[float, Field(ge=0, le=1)]
MinSamples = Annotated[int, Field(ge=1, le=1_000_000_000, description="What must be counted before it is judged.")]


class ErrorRate(Schema):
    """Share of requests that the candidate failed to answer, for no fault of the client's."""

    max: Annotated[Share, Field(description="Share that is tolerated, such as 0.001.")]
    min_samples: Annotated[MinSamples, Field(description="Requests that must be counted before it is judged.")] = 1_000


class Latency(Schema):
    """Time from a request's arrival at the candidate to its answer."""

    quantile: Annotated[float, Field(gt=0, lt=1, description="Share of requests that must be as quick.")] = 0.99
    max: Annotated[
        Duration | None, Field(description="Longest time at that quantile; workload.deadline when absent.")
    ] = None
    min_samples: Annotated[MinSamples, Field(description="Requests that must be counted before it is judged.")] = 1_000


class Throughput(Schema):
    """Readings scored in a second of scoring, against the stable revision's."""

    min_of_stable: Annotated[
        float, Field(gt=0, le=100, description="Least ratio to the stable revision's, such as 0.8.")
    ]
    min_samples: Annotated[MinSamples, Field(description="Passes that must be counted before it is judged.")] = 1_000


class Disagreement(Schema):
    """Share of readings on which candidate and stable decide differently, reading by reading."""

    max: Annotated[Share, Field(description="Share that is tolerated, such as 0.02.")]
    min_samples: Annotated[MinSamples, Field(description="Readings that must be compared before it is judged.")] = (
        10_000
    )


class RiskShift(Schema):
    """Mean of the candidate's risk less the stable revision's, reading by reading; its size counts, not its sign."""

    max: Annotated[Share, Field(description="Mean shift that is tolerated, such as 0.01.")]
    min_samples: Annotated[MinSamples, Field(description="Readings that must be compared before it is judged.")] = (
        10_000
    )


class OutOfRange(Schema):
    """Share of readings that lie outside of the range that the candidate's card declares."""

    max: Annotated[Share, Field(description="Share that is tolerated, such as 0.01.")]
    min_samples: Annotated[MinSamples, Field(description="Readings that must be counted before it is judged.")] = 10_000


class Coverage(Schema):
    """Share of readings that bring every input that the candidate's card declares."""

    min: Annotated[Share, Field(description="Least share, such as 0.99.")]
    min_samples: Annotated[MinSamples, Field(description="Readings that must be counted before it is judged.")] = 10_000


class EffectivePrecision(Schema):
    """Precision against what inspections found."""

    min: Annotated[Share, Field(description="Least precision, such as 0.93.")]
    min_outcomes: Annotated[MinSamples, Field(description="Outcomes that must be known before it is judged.")] = 200


class EffectiveRecall(Schema):
    """Recall against what inspections found."""

    min: Annotated[Share, Field(description="Least recall, such as 0.6.")]
    min_outcomes: Annotated[MinSamples, Field(description="Outcomes that must be known before it is judged.")] = 200


class Drift(Schema):
    """Distance of the readings from those that the candidate was trained on."""

    max: Annotated[float, Field(ge=0, le=1e6, description="Distance that is tolerated.")]


class PromQL(Schema):
    """The one value of any query that the installation's Prometheus answers."""

    cel_rules: ClassVar[tuple[CelRule, ...]] = (
        CelRule("has(self.max) || has(self.min)", "promql needs max, min or both", ".query"),
        CelRule(
            "!has(self.max) || !has(self.min) || self.min <= self.max",
            "promql.min must not be above promql.max",
            ".min",
        ),
        CelRule(
            "has(self.samples) == has(self.minSamples)",
            "promql.samples and promql.minSamples must be given together",
            ".samples",
        ),
    )

    query: Annotated[
        str,
        Field(
            min_length=1,
            max_length=LONGEST_QUERY,
            # Helm would fill in double braces in the definition's text.
            description="PromQL with one value as its answer. In double braces, candidate, stable and namespace stand "
            "for the InferenceServices' names and their namespace, window for the time since the step began.",
        ),
    ]
    max: Annotated[float | None, Field(ge=-1e15, le=1e15, description="Highest value that passes.")] = None
    min: Annotated[float | None, Field(ge=-1e15, le=1e15, description="Lowest value that passes.")] = None
    samples: Annotated[
        str | None,
        Field(min_length=1, max_length=LONGEST_QUERY, description="PromQL that says of how many samples it speaks."),
    ] = None
    min_samples: Annotated[
        int | None, Field(ge=1, le=1_000_000_000, description="Samples that there must be before it is judged.")
    ] = None


class ServedElsewhere(Schema):
    """What another installation's status document says of the same bundle, told apart by its digest."""

    url: Annotated[
        str,
        Field(
            pattern=r"^https?://[^\s/]+(/[^\s]*)?$",
            max_length=1024,
            description="Address of the status document, such as https://weldserve.example.br/status/plant-a/north-line.",
        ),
    ]
    for_: Annotated[
        Duration,
        Field(
            alias="for", description="Time for which each of its regions must have served the bundle without a break."
        ),
    ] = "168h"
    max_rollbacks: Annotated[
        int, Field(ge=0, le=1000, description="Rollbacks of the bundle there that are tolerated.")
    ] = 0


GATE_KINDS = (
    "errorRate",
    "latency",
    "throughput",
    "disagreement",
    "riskShift",
    "outOfRange",
    "coverage",
    "effectivePrecision",
    "effectiveRecall",
    "drift",
    "promql",
    "servedElsewhere",
)
PAIRED_KINDS = ("disagreement", "riskShift")
"""Those that compare candidate and stable reading by reading, which shadowing does."""


class Gate(Schema):
    """A name, and exactly one condition."""

    cel_rules: ClassVar[tuple[CelRule, ...]] = (
        CelRule(
            f"[{', '.join(f'has(self.{kind})' for kind in GATE_KINDS)}].exists_one(given, given)",
            f"a gate must have exactly one of {', '.join(GATE_KINDS)}",
            ".name",
        ),
    )

    name: Annotated[
        str, Field(pattern=GATE_NAME_PATTERN, max_length=40, description="Its name, unlike that of any other gate.")
    ]
    fresh_for: Annotated[Duration, Field(description="Age of the newest sample beyond which there is no evidence.")] = (
        "5m"
    )
    error_rate: ErrorRate | None = None
    latency: Latency | None = None
    throughput: Throughput | None = None
    disagreement: Disagreement | None = None
    risk_shift: RiskShift | None = None
    out_of_range: OutOfRange | None = None
    coverage: Coverage | None = None
    effective_precision: EffectivePrecision | None = None
    effective_recall: EffectiveRecall | None = None
    drift: Drift | None = None
    promql: PromQL | None = None
    served_elsewhere: ServedElsewhere | None = None

    @property
    def condition(self) -> Schema:
        """The one that is given. Raises ValueError where there is not exactly one."""
        given = [value for name in type(self).model_fields if isinstance(value := getattr(self, name), Schema)]
        if len(given) != 1:
            raise ValueError(f"gate {self.name!r} must have exactly one of {', '.join(GATE_KINDS)}")
        return given[0]

    @property
    def is_paired(self) -> bool:
        return self.disagreement is not None or self.risk_shift is not None
