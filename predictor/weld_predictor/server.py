# mypy: allow-subclassing-any
# (the KServe SDK's types are not followed)
"""KServe's model server, with a life cycle that loses no request.

KServe's own registers a model only when it is ready, so that nothing answers meanwhile, runs on asyncio's own event
loop whatever its settings say, and ends at once on SIGTERM.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
import time
from functools import partial
from socket import socket

import numpy as np
import uvloop
from kserve import ModelServer
from numpy.typing import NDArray
from prometheus_client import REGISTRY, disable_created_metrics

from weld_api.card import BundleCard
from weld_api.predictor_settings import PredictorSettings
from weld_api.quantity import parse_duration
from weld_predictor.batching import QUICK_SECONDS, QUICK_SECONDS_OF_ONE_CORE, MicroBatcher
from weld_predictor.cores import usable_cores
from weld_predictor.data_plane import OneModelForLife, PredictorDataPlane
from weld_predictor.envelopes import Envelopes
from weld_predictor.extraction import FeatureThreads
from weld_predictor.front.connection import Front
from weld_predictor.grpc_server import InferenceService, PredictorGrpcServer
from weld_predictor.inference import InferenceRoutes, inference_paths, longest_body
from weld_predictor.intake.choice import open_memory
from weld_predictor.intake.flags import Bounds
from weld_predictor.intake.form import InputForm
from weld_predictor.intake.policy import Policy
from weld_predictor.intake.readings import with_features
from weld_predictor.intake.sensors import KnownSensors
from weld_predictor.life_cycle import LifeCycle, Phase
from weld_predictor.metadata import model_metadata
from weld_predictor.metrics import KServeMetrics, PredictorMetrics
from weld_predictor.model import RiskModel
from weld_predictor.pass_thread import PassThread
from weld_predictor.passes import Assessor, Passes
from weld_predictor.reception import Reception
from weld_predictor.rest_server import PredictorRestServer
from weld_predictor.scoring.choice import load_scorer
from weld_predictor.scoring.scorer import Scorer
from weld_predictor.shadow.metrics import ShadowMetrics
from weld_predictor.shadow.shadow import Shadow
from weld_predictor.tracing import Traces

_log = logging.getLogger(__name__)
_TURN_SECONDS = 0.0005
"""That the event loop and a pass's thread hold each other up at most; with Python's own 5 ms, answers waited for it."""


class PredictorServer(ModelServer):
    """Serves the bundle of `settings`, whose card is `card`, until it is interrupted."""

    def __init__(
        self,
        settings: PredictorSettings,
        card: BundleCard,
        traces: Traces,
        sensors: KnownSensors | None,
        policy: Policy,
    ) -> None:
        super().__init__(
            http_port=settings.http_port, enable_grpc=False, enable_docs_url=False, enable_latency_logging=False
        )
        disable_created_metrics()  # type: ignore[no-untyped-call]  # prometheus_client's types leave it out
        self._settings = settings
        self._metrics = PredictorMetrics(
            REGISTRY,
            model=settings.model_name,
            version=card.version,
            site=settings.site,
            region=settings.region,
        )
        self._life_cycle = LifeCycle(drain=_seconds(settings.drain))
        self._scorer: Scorer | None = None
        self._thread = PassThread()
        form, cores = InputForm.of(card), usable_cores()
        self._extraction = FeatureThreads(settings.queue_readings, partial(with_features, form=form), cores)
        self._columns = form.columns
        bounds = Bounds.of(
            card,
            parse_duration(settings.deadline),
            parse_duration(settings.jitter),
            sensors,
            lateness=None if settings.lateness is None else parse_duration(settings.lateness),
            reject_late=policy.reject_late,
        )
        memory = open_memory(policy)
        self._metrics.watch_memory(memory)
        self._shadow = Shadow(
            settings.shadow_folder,
            card,
            settings.digest,
            settings.model_name,
            ShadowMetrics(REGISTRY, self._metrics.labels),
            max_readings=settings.max_readings,
        )
        passes = Passes(
            form,
            Assessor(bounds, card.decision_threshold, self._risk, memory),
            self._thread,
            self._metrics,
            KServeMetrics(settings.model_name),
            traces,
            deadline=_seconds(settings.deadline),
            wall_clock=_wall_clock,
            shadow=self._shadow,
        )
        self._batcher = batcher = MicroBatcher(
            passes.perform,
            max_readings=settings.max_readings,
            max_delay=_seconds(settings.max_delay),
            queue_readings=settings.queue_readings,
            quick_seconds=QUICK_SECONDS if cores > 1 else QUICK_SECONDS_OF_ONE_CORE,
        )
        self._metrics.watch_queue(lambda: batcher.waiting + self._extraction.waiting)
        self._metrics.watch_quick_passes(lambda: batcher.quick_readings)
        head = {"model_name": settings.model_name, "model_version": card.version}
        envelopes = Envelopes(form, settings.queue_readings, head)
        reception = Reception(envelopes, batcher, self._extraction, self._thread, self._metrics, _wall_clock)
        model = RiskModel(settings.model_name, card.version, form, reception, self._life_cycle)
        self.dataplane = PredictorDataPlane(self.registered_models, self._life_cycle)
        self.model_repository_extension = OneModelForLife(self.registered_models)
        longest = longest_body(settings.queue_readings, form)
        metadata = model_metadata(
            settings.model_name,
            card,
            settings.digest,
            {"readings_in_a_request": settings.queue_readings, "bytes_in_a_request": longest},
            policy,
        )
        self._routes = InferenceRoutes(
            card.version, metadata, longest, self.dataplane, self._metrics, self._life_cycle, traces
        )
        paths = inference_paths(settings.model_name, card.version)
        self._rest_server = PredictorRestServer(
            self.dataplane,
            self.model_repository_extension,
            self._routes,
            Front(reception, self._life_cycle, self._metrics, traces, paths, longest),
            self._life_cycle,
            finish_within=_seconds(settings.finish_within),
        )
        service = InferenceService(
            card.version, metadata, model, self.dataplane, self._metrics, self._life_cycle, traces
        )
        self._grpc_server = PredictorGrpcServer(service, longest)
        self._abandoning: asyncio.Future[None] | None = None
        self.register_model(model)

    def run(self, listener: socket) -> None:
        """Answer at `listener`, load the bundle, serve, and return once interrupted (SIGTERM or SIGINT) and drained.

        Raises BundleError if the estimator is refused.
        """
        sys.setswitchinterval(_TURN_SECONDS)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve_on(listener))

    async def _serve_on(self, listener: socket) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._interrupt)
        address, port = listener.getsockname()[:2]
        serving = asyncio.create_task(self._rest_server.serve(listener))
        serving.add_done_callback(lambda _: self._life_cycle.end())
        try:
            _log.info("listening", extra={"address": address, "port": port, **await self._start_grpc()})
            scorer = await self._thread.prepare(lambda: load_scorer(self._settings))
            self._score_with(scorer)
            await self._rehearse()
            _keep_for_life()
            self._life_cycle.serve()
            self._shadow.start()
            if self._life_cycle.is_ready:
                self._metrics.bundle_is_served(self._settings.digest)
                chosen = {"scorer": scorer.name, "scorer_reason": scorer.reason}
                _log.info("ready", extra={"sha256": self._settings.digest, **chosen})
            await self._life_cycle.until_drained()
        finally:
            self._rest_server.close()
            await asyncio.gather(serving, self._grpc_server.close(_seconds(self._settings.finish_within)))
            self._extraction.close()
            self._thread.close()
            self._shadow.close()

    def _score_with(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._metrics.scorer_is(scorer.name, scorer.reason)
        self._routes.add_properties({"scorer": scorer.name, "scorer_reason": scorer.reason})

    async def _rehearse(self) -> None:
        """Make passes for practice, so that what they take is known before the first request comes."""
        for readings in (1, self._settings.max_readings):
            features = np.zeros((readings, self._columns), np.float32)
            started = time.perf_counter()
            await self._thread.prepare(partial(self._risk, features))
            self._batcher.rehearse(readings, time.perf_counter() - started)

    def _risk(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """As `Scorer.risk`, in the precision of the answer. Raises RuntimeError before the bundle is loaded."""
        if self._scorer is None:
            raise RuntimeError("nothing can be scored before the bundle is loaded")
        return self._scorer.risk(features).astype(np.float32)

    async def _start_grpc(self) -> dict[str, int]:
        """What to say of it in the log. Raises AddressError."""
        if self._settings.grpc_port is None:
            return {}
        port = await self._grpc_server.start(self._settings.listen_address, self._settings.grpc_port)
        return {"grpc_port": port}

    def _interrupt(self) -> None:
        if self._life_cycle.phase is Phase.CLOSING:
            self._rest_server.abandon()
            self._abandoning = asyncio.ensure_future(self._grpc_server.close(0))
        self._life_cycle.interrupt()
        _log.info("interrupted", extra={"phase": self._life_cycle.phase.name.lower()})


def _keep_for_life() -> None:
    """Leave what is loaded out of the search for garbage, which would take 100 ms, in which nobody is served."""
    gc.collect()
    gc.freeze()


def _seconds(duration: str) -> float:
    return parse_duration(duration).total_seconds()


def _wall_clock() -> int:
    return time.time_ns() // 1_000_000
