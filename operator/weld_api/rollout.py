"""`WeldModel.spec.rollout`: the way from candidate to stable."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from weld_api.gate import PAIRED_KINDS, ErrorRate, Gate, Latency
from weld_api.quantity import Duration
from weld_api.region import MOST_REGIONS
from weld_api.schema import CelRule, Schema
from weld_api.wave import Wave

MOST_GATES = 12
MOST_STEP_GATES = 6
MOST_STEPS = 12
MOST_WAVES = MOST_REGIONS

_NAMED_ONCE = "self.gates.all(one, self.gates.exists_one(other, other.name == one.name))"


class Shadow(Schema):
    """The candidate scores what the stable revision scored; its answers are compared and never returned."""

    for_: Annotated[
        Duration, Field(alias="for", description="Time for which it is compared before the first step.")
    ] = "1h"
    min_readings: Annotated[
        int, Field(ge=0, le=1_000_000_000_000, description="Readings that must be compared before the first step.")
    ] = 10_000
    share: Annotated[
        int, Field(ge=1, le=100, description="Readings that are forwarded, of a hundred; load may make it fewer.")
    ] = 100


class Step(Schema):
    """A share of the requests, for a time."""

    cel_rules: ClassVar[tuple[CelRule, ...]] = (
        CelRule(_NAMED_ONCE, "rollout.steps[].gates must have each name once", ".gates"),
    )

    weight: Annotated[int, Field(ge=1, le=99, description="Requests that the candidate answers, of a hundred.")]
    hold: Annotated[Duration, Field(description="Time for which it does so at the least.")] = "10m"
    gates: Annotated[
        tuple[Gate, ...],
        Field(max_length=MOST_STEP_GATES, description="Gates of this step, beside those of the rollout."),
    ] = ()


class Deadline(Schema):
    """What happens when the evidence does not come."""

    per: Annotated[
        Duration, Field(description="Time for each phase and step, beyond what it holds, to pass every gate.")
    ] = "12h"
    then: Annotated[
        Literal["Hold", "Rollback"], Field(description="What happens then: it stays as it is, or rolls back.")
    ] = "Rollback"


class Analysis(Schema):
    """How gates are judged."""

    cel_rules: ClassVar[tuple[CelRule, ...]] = (
        CelRule("self.interval >= duration('1s')", "analysis.interval must be at least 1s", ".interval"),
    )

    interval: Annotated[Duration, Field(description="Time from one look at the gates to the next.")] = "30s"
    error_probability: Annotated[
        float,
        Field(
            gt=0,
            le=0.2,
            description="Probability, over all looks, that a bundle within its limits is rolled back by a gate, and "
            "that one beyond a limit passes it.",
        ),
    ] = 0.01


class Rollout(Schema):
    """The trial of a candidate: shadow, weighted steps, gates; promotion, or rollback."""

    cel_rules: ClassVar[tuple[CelRule, ...]] = (
        CelRule(
            "self.steps.map(step, step.weight).isSorted() && "
            "self.steps.all(one, self.steps.exists_one(other, other.weight == one.weight))",
            "rollout.steps must rise in weight",
            ".steps",
        ),
        CelRule(_NAMED_ONCE, "rollout.gates must have each name once", ".gates"),
        CelRule(
            "self.steps.all(step, step.gates.all(own, !self.gates.exists(gate, gate.name == own.name)))",
            "rollout.steps[].gates must not have the name of one of rollout.gates",
            ".steps",
        ),
        CelRule(
            "has(self.shadow) || !(self.gates.exists(gate, {paired}) || "
            "self.steps.exists(step, step.gates.exists(gate, {paired})) || "
            "self.waves.exists(wave, wave.gates.exists(gate, {paired})))".format(
                paired=" || ".join(f"has(gate.{kind})" for kind in PAIRED_KINDS)
            ),
            f"rollout.shadow must be given with {' and '.join(PAIRED_KINDS)}, which compare reading by reading",
            ".shadow",
        ),
        CelRule("size(self.steps) > 0 || has(self.shadow)", "rollout needs steps, shadow or both", ".steps"),
        CelRule(
            "self.waves.all(one, one.regions.all(name, size(one.regions.filter(other, other == name)) == 1 && "
            "self.waves.exists_one(other, name in other.regions)))",
            "rollout.waves must name each region once",
            ".waves",
        ),
        CelRule(
            "self.waves.all(wave, wave.gates.all(own, !self.gates.exists(gate, gate.name == own.name) && "
            "!self.steps.exists(step, step.gates.exists(gate, gate.name == own.name))))",
            "rollout.waves[].gates must not have the name of one of rollout.gates or of a step's",
            ".waves",
        ),
    )

    shadow: Annotated[Shadow | None, Field(description="Shadowing; none when absent.")] = None
    steps: Annotated[tuple[Step, ...], Field(max_length=MOST_STEPS, description="Weights on the way to promotion.")] = (
        Step(weight=5),
        Step(weight=25),
        Step(weight=50),
    )
    gates: Annotated[tuple[Gate, ...], Field(max_length=MOST_GATES, description="Gates of every phase and step.")] = (
        Gate(name="errors", error_rate=ErrorRate(max=0.001)),
        Gate(name="speed", latency=Latency()),
    )
    deadline: Annotated[Deadline, Field(description="What happens when the evidence does not come.")] = Deadline()
    approval: Annotated[
        Literal["Automatic", "Manual"], Field(description="Whether somebody must approve of the promotion.")
    ] = "Automatic"
    analysis: Annotated[Analysis, Field(description="How gates are judged.")] = Analysis()
    waves: Annotated[
        tuple[Wave, ...],
        Field(
            max_length=MOST_WAVES,
            description="Which regions try a bundle together, one wave after the other; when empty, each region is a "
            "wave, in the order of regions.",
        ),
    ] = ()
