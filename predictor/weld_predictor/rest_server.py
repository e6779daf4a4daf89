# mypy: allow-subclassing-any
# (the KServe SDK's types are not followed)
"""KServe's REST server on a socket of ours, with our connections and our routes before its own.

KServe's always listens on all interfaces, lets uvicorn end at once on SIGTERM, and logs two lines for each request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from socket import socket
from typing import Any, cast

import uvicorn
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from kserve.constants.constants import FASTAPI_APP_IMPORT_STRING
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.model_repository_extension import ModelRepositoryExtension
from kserve.protocol.rest.server import RESTServer

from weld_predictor.faults import add_fault_handlers
from weld_predictor.front.acceptor import Acceptor
from weld_predictor.front.connection import Front, InferenceConnection
from weld_predictor.front.watch import watch
from weld_predictor.inference import InferenceRoutes
from weld_predictor.life_cycle import CloseConnectionsOnLeave, LifeCycle


class PredictorRestServer(RESTServer):
    """Serves from `start` until `close`."""

    def __init__(
        self,
        data_plane: DataPlane,
        model_repository: ModelRepositoryExtension,
        routes: InferenceRoutes,
        front: Front,
        life_cycle: LifeCycle,
        finish_within: float,
    ) -> None:
        """`finish_within`: seconds that requests under way have to end, once closed."""
        super().__init__(
            FASTAPI_APP_IMPORT_STRING, data_plane, model_repository, http_port=0, grace_period=finish_within
        )
        self.config.access_log = False
        self.config.server_header = False
        self.config.proxy_headers = False
        self.config.ws = "none"
        self.config.http = partial(InferenceConnection, front)
        self._server = _QuietServer(self.config)
        self._routes = routes
        self._life_cycle = life_cycle

    async def serve(self, listener: socket) -> None:
        """Answer what comes in at `listener` until `close`; closes `listener`."""
        self.create_application()
        connections = self._server.server_state.connections
        watching = asyncio.create_task(watch(connections))
        try:
            await self._server.serve(sockets=[listener])
        finally:
            watching.cancel()
            for connection in list(connections):
                connection.transport.abort()
            await asyncio.gather(watching, return_exceptions=True)

    def close(self) -> None:
        """Take no more connections, end the idle ones, and end when the requests under way are answered."""
        self._server.should_exit = True

    def abandon(self) -> None:
        """After `close`: do not wait for requests under way."""
        self._server.force_exit = True

    def _register_endpoints(self, app: FastAPI) -> None:
        app.router.default_response_class = JSONResponse  # KServe's choice, ORJSONResponse, is deprecated: it warns
        self._routes.register(app)
        super()._register_endpoints(app)

    def _add_exception_handlers(self, app: FastAPI) -> None:
        super()._add_exception_handlers(app)
        add_fault_handlers(app)

    def _add_middlewares(self, app: FastAPI) -> None:
        app.add_middleware(CloseConnectionsOnLeave, life_cycle=self._life_cycle)


class _QuietServer(uvicorn.Server):
    """uvicorn, with signals left to the predictor's life cycle, and connections taken by ours."""

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]  # theirs is a generator's
        return nullcontext()

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets=[])
        make_protocol: Callable[[], asyncio.Protocol] = partial(
            cast(Any, self.config.http_protocol_class),
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )
        self.servers = [Acceptor(listener, make_protocol) for listener in sockets or ()]  # type: ignore[misc]
