"""What the predictor says of its model, from the bundle's card."""

from __future__ import annotations

from typing import Any

from weld_api.card import BundleCard
from weld_predictor.answer import OUTPUTS
from weld_predictor.decision import Decision
from weld_predictor.intake.flags import Flag
from weld_predictor.intake.readings import TensorSpec, input_specs

PLATFORM = "sklearn_skops"


def model_metadata(name: str, card: BundleCard, digest: str) -> dict[str, Any]:
    """The model metadata response of the Open Inference Protocol; `properties` says what the tensors mean."""
    return {
        "name": name,
        "versions": [card.version],
        "platform": PLATFORM,
        "inputs": metadata_tensors(input_specs(len(card.inputs))),
        "outputs": metadata_tensors(OUTPUTS),
        "properties": {
            "asset_kind": card.asset_kind,
            "sha256": digest,
            "decision_threshold": str(card.decision_threshold),
            "features": ", ".join(f"{model_input.name} [{model_input.unit}]" for model_input in card.inputs),
            "sensor_id": "BYTES or INT64",
            "sampled_at": "Unix time in milliseconds",
            "decision": ", ".join(f"{decision.value} {decision.name.lower()}" for decision in Decision),
            "flags": ", ".join(f"{flag.value} {flag.name.lower()}" for flag in Flag if flag.name),
        },
    }


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
