"""Scores readings with NVIDIA's client (pip install tritonclient[http]); tritonclient.grpc is used alike.

python triton_client.py north-line.plant-a.example north-line
"""

import sys
import time

import numpy as np
import tritonclient.http as triton


def main(address: str, model: str) -> None:
    with triton.InferenceServerClient(address) as client:
        features = client.get_model_metadata(model)["inputs"][0]["shape"][1]
        inputs = []
        for name, datatype, values in (
            ("features", "FP32", np.full((100, features), 0.5, np.float32)),
            ("sensor_id", "BYTES", np.array([f"weld-{number}" for number in range(100)], np.object_)),
            ("sampled_at", "INT64", np.full(100, time.time_ns() // 1_000_000)),
        ):
            inputs.append(triton.InferInput(name, values.shape, datatype))
            inputs[-1].set_data_from_numpy(values)
        answer = client.infer(model, inputs, outputs=[triton.InferRequestedOutput("risk")])
        print(answer.as_numpy("risk")[:5])


main(*sys.argv[1:])
