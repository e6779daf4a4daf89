"""Scores readings with KServe's clients, over REST and over gRPC. How many features, the model's metadata says.

python kserve_sdk.py http://north-line.plant-a.example north-line.plant-a.example:8081 north-line 26
"""

import asyncio
import sys
import time

import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig


async def main(rest_address: str, grpc_address: str, model: str, features: str) -> None:
    rest = InferenceRESTClient(RESTConfig(protocol="v2"))
    async with InferenceGRPCClient(grpc_address) as grpc:
        inputs = []
        for name, datatype, values in (
            ("features", "FP32", np.full((100, int(features)), 0.5, np.float32)),
            ("sensor_id", "INT64", np.arange(100)),
            ("sampled_at", "INT64", np.full(100, time.time_ns() // 1_000_000)),
        ):
            inputs.append(InferInput(name, list(values.shape), datatype))
            inputs[-1].set_data_from_numpy(values, binary_data=True)
        request = InferRequest(model, inputs, parameters={"binary_data_output": True})
        for answer in (await rest.infer(rest_address, request, model_name=model), await grpc.infer(request)):
            print({output.name: output.as_numpy()[:5].tolist() for output in answer.outputs})
    await rest.close()


asyncio.run(main(*sys.argv[1:]))
