"""What the predictor says of its model, from the bundle's card."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from weld_api.card import BundleCard
from weld_predictor.answer import OUTPUTS
from weld_predictor.decision import Decision
from weld_predictor.intake.flags import Flag, rejected_flags
from weld_predictor.intake.form import InputForm, TensorSpec
from weld_predictor.intake.policy import Policy, Sampling

_ALL = Policy()

PLATFORM = "sklearn_skops"


def model_metadata(
    name: str, card: BundleCard, digest: str, limits: dict[str, int], policy: Policy = _ALL
) -> dict[str, Any]:
    """The model metadata response of the Open Inference Protocol; `properties` says what the tensors mean.

    `limits`: largest numbers in one request, by what they are of; `policy`: of intake.
    """
    form = InputForm.of(card)
    rejected = rejected_flags(card) | Flag.NOT_FINITE | (Flag.LATE if policy.reject_late else Flag(0))
    either = "" if form.waveforms is None else f", or {form.waveforms} in its place"
    return {
        "name": name,
        "versions": [card.version],
        "platform": PLATFORM,
        "inputs": metadata_tensors(input_tensors(form)),
        "outputs": metadata_tensors(OUTPUTS),
        "properties": {
            "asset_kind": card.asset_kind,
            "sha256": digest,
            "decision_threshold": str(card.decision_threshold),
            "features": _columns(card, form.measured),
            "inputs": f"{form.features}{either}, {', '.join(map(str, form.required))}",
            "context": _columns(card, form.context.values()),
            "sensor_id": "BYTES or INT64",
            "sampled_at": "Unix time in milliseconds",
            "decision": ", ".join(f"{decision.value} {decision.name.lower()}" for decision in Decision),
            "flags": ", ".join(f"{flag.value} {flag.name.lower()}" for flag in Flag if flag.name),
            "not_scored_with": ", ".join(str(flag.name).lower() for flag in Flag if flag & rejected),
            "sampling": _sampling(card, policy),
            **{f"most_{what}": str(most) for what, most in limits.items()},
        },
    }


def _sampling(card: BundleCard, policy: Policy) -> str:
    """Which readings are scored, and which have their answers."""
    until = f", at least once in {policy.longest_silence.total_seconds():g} s"
    if policy.sampling is Sampling.EVERY_NTH:
        return f"EveryNth: of {policy.every} readings of a sensor one is scored{until}"
    if policy.sampling is Sampling.ON_CHANGE:
        watched = ((card.inputs[column], width) for column, width in policy.dead_bands)
        bands = (f"{each.name} by more than {width:g} {each.unit}" for each, width in watched)
        return f"OnChange: of {', '.join(bands)}{until}"
    return "All"


def _columns(card: BundleCard, columns: Iterable[int]) -> str:
    return ", ".join(f"{card.inputs[column].name} [{card.inputs[column].unit}]" for column in columns)


def input_tensors(form: InputForm) -> tuple[TensorSpec, ...]:
    """The inputs as metadata lists them: those that a client of features sends."""
    context = tuple(spec for spec in form.optional if spec.name in form.context)
    return (form.features, *form.required, *context)


def metadata_tensors(specs: tuple[TensorSpec, ...]) -> list[dict[str, Any]]:
    """Tensors as metadata lists them: -1 for the number of readings, the first of the data types."""
    return [
        {
            "name": spec.name,
            "datatype": spec.datatypes[0],
            "shape": [-1 if size is None else size for size in spec.shape],
        }
        for spec in specs
    ]
