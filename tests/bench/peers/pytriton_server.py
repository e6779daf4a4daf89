"""Triton by PyTriton, with dynamic batching."""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

from tests.bench.peers.estimator import load_estimator

MOST_READINGS = 10_000


def main() -> None:
    bundle, port, grpc_port = sys.argv[1:]
    estimator = load_estimator(bundle)

    @batch  # type: ignore[untyped-decorator]
    def risk(features: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        return [estimator.predict_proba(features)[:, 1:].astype(np.float32)]

    config = TritonConfig(
        http_address="127.0.0.1",
        http_port=int(port),
        grpc_address="127.0.0.1",
        grpc_port=int(grpc_port),
        allow_metrics=False,
    )
    with Triton(config=config) as triton:
        triton.bind(
            model_name="bench",
            infer_func=risk,
            inputs=[Tensor(name="features", dtype=np.float32, shape=(estimator.n_features_in_,))],
            outputs=[Tensor(name="risk", dtype=np.float32, shape=(1,))],
            config=ModelConfig(batching=True, max_batch_size=MOST_READINGS, batcher=DynamicBatcher()),
        )
        triton.serve()


if __name__ == "__main__":
    main()
