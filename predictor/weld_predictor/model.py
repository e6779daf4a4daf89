# mypy: allow-subclassing-any
# (the KServe SDK's types are not followed)
"""KServe's model: what its registry holds, and what its routes ask and call."""

from __future__ import annotations

import asyncio
from typing import Any

from kserve import Model

from weld_predictor.answer import OUTPUTS
from weld_predictor.calls import Call
from weld_predictor.intake.fault import RequestError
from weld_predictor.intake.form import InputForm
from weld_predictor.life_cycle import LifeCycle
from weld_predictor.metadata import input_tensors, metadata_tensors
from weld_predictor.reception import Reception


class RiskModel(Model):
    """The model of one bundle. KServe's steps - preprocess, predict, postprocess - are done pass by pass instead."""

    def __init__(self, name: str, version: str, form: InputForm, reception: Reception, life_cycle: LifeCycle) -> None:
        super().__init__(name)
        self.version = version
        self._form = form
        self._reception = reception
        self._life_cycle = life_cycle

    async def healthy(self) -> bool:
        """Whether new requests should come here: what KServe's readiness routes ask."""
        return self._life_cycle.is_ready

    def load(self) -> bool:
        """KServe calls this on a model that is not ready; ours is loaded once, at the start."""
        return self._life_cycle.is_ready

    def get_input_types(self) -> list[dict[str, Any]]:
        return metadata_tensors(input_tensors(self._form))

    def get_output_types(self) -> list[dict[str, Any]]:
        return metadata_tensors(OUTPUTS)

    async def __call__(self, body: Any, headers: dict[str, str] | None = None, verb: Any = None) -> tuple[Any, Any]:
        """The response to a call made by `awaited`, and no headers.

        Raises RequestError, with the sentence that the client gets, and the other faults of a request.
        """
        del headers, verb
        if not isinstance(body, Call):
            raise RequestError("only inference is spoken here, expected a request to /v2/models/.../infer")
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        body.settle_with = lambda _, outcome: _resolve(answer, outcome)
        self._reception.take(body)
        try:
            return await answer, {}
        except asyncio.CancelledError:
            self._reception.withdraw(body)
            raise


def _resolve(answer: asyncio.Future[Any], outcome: Any) -> None:
    if answer.done():
        return  # it was cancelled in this turn of the loop, and who waited for it is not told yet
    if isinstance(outcome, Exception):
        answer.set_exception(outcome)
    else:
        answer.set_result(outcome)
