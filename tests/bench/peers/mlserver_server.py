"""MLServer with a custom runtime and its adaptive batching."""

from __future__ import annotations

import asyncio
import sys

import numpy as np
from mlserver import MLModel, MLServer, ModelSettings, Settings
from mlserver.codecs import NumpyCodec
from mlserver.settings import ModelParameters
from mlserver.types import InferenceRequest, InferenceResponse

from tests.bench.peers.estimator import load_estimator


class Bench(MLModel):  # type: ignore[misc]
    """Risk of `features` [N, F]."""

    async def load(self) -> bool:
        self._estimator = load_estimator(self.settings.parameters.uri)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        features = NumpyCodec.decode_input(payload.inputs[0])
        risk = self._estimator.predict_proba(features)[:, 1].astype(np.float32)
        return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output("risk", risk)])


async def main() -> None:
    bundle, port, grpc_port = sys.argv[1:]
    settings = Settings(
        host="127.0.0.1",
        http_port=int(port),
        grpc_port=int(grpc_port),
        metrics_endpoint=None,
        parallel_workers=0,
        use_structured_logging=False,
        grpc_max_message_length=100_000_000,
    )
    model = ModelSettings(
        name="bench",
        implementation=Bench,
        parameters=ModelParameters(uri=bundle),
        max_batch_size=100,
        max_batch_time=0.002,
    )
    await MLServer(settings).start([model])


if __name__ == "__main__":
    asyncio.run(main())
