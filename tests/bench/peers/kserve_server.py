"""KServe's own model server with a custom model, as its documentation has it."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from kserve import InferOutput, InferResponse, Model, ModelServer, logging
from kserve.utils.utils import generate_uuid

from tests.bench.peers.estimator import load_estimator


class Bench(Model):  # type: ignore[misc]
    """Risk of `features` [N, F]."""

    def __init__(self, estimator: Any) -> None:
        super().__init__("bench")
        self._estimator = estimator
        self.ready = True

    def predict(self, payload: Any, *_: Any) -> InferResponse:
        features = payload.inputs[0].as_numpy()
        risk = self._estimator.predict_proba(features)[:, 1].astype(np.float32)
        output = InferOutput("risk", [len(risk)], "FP32")
        output.set_data_from_numpy(risk, binary_data=payload.use_binary_outputs)
        binary = payload.use_binary_outputs
        return InferResponse(payload.id or generate_uuid(), "bench", [output], use_binary_outputs=binary)


def main() -> None:
    bundle, port, grpc_port = sys.argv[1:]
    logging.configure_logging()
    server = ModelServer(http_port=int(port), grpc_port=int(grpc_port), access_log_format=None, enable_docs_url=False)
    server.start([Bench(load_estimator(bundle))])


if __name__ == "__main__":
    main()
