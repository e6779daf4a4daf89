# mypy: allow-subclassing-any
# (the KServe SDK's types are not followed)
"""What KServe's own routes ask: is the server ready, who is it, may models be loaded and unloaded."""

from __future__ import annotations

from importlib import metadata
from typing import Any, NoReturn

from kserve import ModelRepository
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.model_repository_extension import ModelRepositoryExtension

from weld_predictor.life_cycle import LifeCycle

DISTRIBUTION = "weldserve"
_LONGEST_NAME = 253
"""Of anything in Kubernetes."""


class PredictorDataPlane(DataPlane):
    """KServe's data plane, ready when the predictor is."""

    def __init__(self, model_registry: ModelRepository, life_cycle: LifeCycle) -> None:
        super().__init__(model_registry)
        self._life_cycle = life_cycle

    def get_model_from_registry(self, name: str) -> Any:
        """KServe's model. Raises ModelNotFound, which quotes no more than the start of a long name."""
        return super().get_model_from_registry(name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}...")

    async def ready(self) -> bool:
        return self._life_cycle.is_ready

    def metadata(self) -> dict[str, Any]:
        return {
            "name": DISTRIBUTION,
            "version": metadata.version(DISTRIBUTION),
            "extensions": ["binary_tensor_data"],
        }


class OneModelForLife(ModelRepositoryExtension):
    """KServe's routes to load and unload models, which would let any client take the model away."""

    async def load(self, model_name: str) -> NoReturn:
        raise NotImplementedError(f"model {model_name} cannot be loaded here: a predictor serves one bundle for life")

    async def unload(self, model_name: str) -> NoReturn:
        raise NotImplementedError(f"model {model_name} cannot be unloaded: a predictor serves one bundle for life")
