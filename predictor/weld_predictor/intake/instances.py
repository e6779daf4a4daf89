"""KServe's protocol V1, `{"instances": [...]}`, for the tools that speak nothing else.

An instance is a list of the features, or an object with the inputs of the model by name. A list has no sensor and no
time, and an object may leave them out: such a reading counts as sampled when it arrived, by a sensor called `-`, and
nothing is remembered of it.
"""

from __future__ import annotations

from typing import Any

from weld_predictor.intake.fault import RequestError, quoted
from weld_predictor.intake.form import FEATURES, SAMPLED_AT, SENSOR_ID, InputForm
from weld_predictor.intake.tensor import BYTES, INT64
from weld_predictor.intake.wire import WireRequest, WireTensor, json_type, parse_json

NO_SENSOR = "-"


def parse_instances(body: bytes, form: InputForm, arrived_at: int) -> WireRequest:
    """The request as the Open Inference Protocol would put it. Raises RequestError with one sentence."""
    envelope = parse_json(memoryview(body), "'instances'")
    instances = envelope.get("instances")
    if not isinstance(instances, list):
        raise RequestError(f"'instances' is {json_type(instances)}, expected a list of readings")
    if not instances:
        raise RequestError("'instances' has 0 readings, expected 1 or more")
    came = _columns(instances)
    columns: dict[str, list[Any]] = {
        SENSOR_ID: [NO_SENSOR] * len(instances),
        SAMPLED_AT: [arrived_at] * len(instances),
        **came,
    }
    tensors = tuple(_tensor(name, values, form) for name, values in columns.items())
    return WireRequest(id=None, inputs=tensors, outputs=(), binary_outputs=False, timed=SAMPLED_AT in came)


def _columns(instances: list[Any]) -> dict[str, list[Any]]:
    first = instances[0]
    if not isinstance(first, list | dict):
        raise RequestError(f"instances[0] is {json_type(first)}, expected a list of features, or an object of inputs")
    names = set(first) if isinstance(first, dict) else None
    for index, instance in enumerate(instances):
        if type(instance) is not type(first):
            raise RequestError(f"instances[{index}] is {json_type(instance)}, expected {json_type(first)} as the first")
        if names is not None and set(instance) != names:
            different = min(names ^ set(instance))
            raise RequestError(
                f"instances[{index}] and the first do not both have {quoted(different)}, "
                "expected the same inputs in all"
            )
    if names is None:
        return {FEATURES: instances}
    return {name: [instance[name] for instance in instances] for name in first}


def _tensor(name: str, values: list[Any], form: InputForm) -> WireTensor:
    spec = next((spec for spec in form.specs if spec.name == name), None)
    if spec is None:
        raise RequestError(f"instances have {quoted(name)}, which is not an input of this model, expected {form}")
    datatype = INT64 if INT64 in spec.datatypes and isinstance(values[0], int) else BYTES
    if len(spec.datatypes) == 1:
        datatype = spec.datatypes[0]
    if len(spec.shape) == 1:
        return WireTensor(name, datatype, (len(values),), values)
    for index, value in enumerate(values):
        if not isinstance(value, list):
            raise RequestError(f"instances[{index}]: {name!r} is {json_type(value)}, expected a list of numbers")
        if len(value) != spec.shape[1]:
            raise RequestError(
                f"instances[{index}]: {name!r} has {len(value)} values, expected {spec.shape[1]} as in {spec}"
            )
    return WireTensor(name, datatype, (len(values), len(values[0])), values)
