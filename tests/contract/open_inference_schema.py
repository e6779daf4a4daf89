"""The Open Inference Protocol's schemas: as published, in `../shared/oip` beside the repository, or else by KServe.

The published files are `open_inference_rest.yaml` and `open_inference_grpc.proto` of kserve/open-inference-protocol.
Where they are absent, KServe's own data types and messages stand in for them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from kserve.protocol.rest import v2_datamodels

PUBLISHED = Path(__file__).parents[3] / "shared" / "oip"
REST = PUBLISHED / "open_inference_rest.yaml"
GRPC = PUBLISHED / "open_inference_grpc.proto"
SOURCE = "published" if REST.exists() else "the KServe SDK: ../shared/oip is missing"
"""Where the schemas come from; the tests have it in their names."""

_BY_KSERVE = {
    "metadata_server_response": v2_datamodels.ServerMetadataResponse,
    "metadata_model_response": v2_datamodels.ModelMetadataResponse,
    "inference_response": v2_datamodels.InferenceResponse,
}
_ERROR = {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}


def validator(name: str) -> Draft202012Validator:
    """Of the REST schema `name`, such as `inference_response`."""
    if REST.exists():
        document: dict[str, Any] = yaml.safe_load(REST.read_text())
        return Draft202012Validator({**document, "$ref": f"#/components/schemas/{name}"})
    if name in _BY_KSERVE:
        return Draft202012Validator(_BY_KSERVE[name].model_json_schema())
    return Draft202012Validator(_ERROR)
