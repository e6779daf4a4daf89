"""The ConfigMap that tells the predictors of the stable revision whom they shadow."""

from __future__ import annotations

from weld_api.shadow import SHADOW_FILE, SHADOW_FOLDER, ShadowOrder, shadow_name
from weld_operator.desired.metadata import metadata
from weld_operator.domain.subject import Subject
from weld_operator.kinds import CONFIG_MAP, Object

SHADOW_VOLUME = "shadow"


def shadow_config_map(owner: Subject, revision: str, order: ShadowOrder) -> Object:
    """What the predictors of `revision`, an InferenceService, are told; equal orders make equal bytes."""
    return {
        "apiVersion": CONFIG_MAP.api_version,
        "kind": CONFIG_MAP.name,
        "metadata": metadata(owner, shadow_name(revision), revision),
        "data": {SHADOW_FILE: order.model_dump_json(by_alias=True)},
    }


def shadow_volume(revision: str) -> Object:
    """The ConfigMap as a volume of every Pod, whether there is one now or not: it may come and go while they run."""
    return {"name": SHADOW_VOLUME, "configMap": {"name": shadow_name(revision), "optional": True}}


def shadow_mount() -> Object:
    """Where the predictor finds it."""
    return {"name": SHADOW_VOLUME, "mountPath": SHADOW_FOLDER, "readOnly": True}
