"""Where an endpoint is set, each request leaves a trace; where none is, nothing is sent."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from grpc import aio
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as trace_service

from tests.integration.predictor_process import pack_bundle, predictor
from tests.unit.predictor.messages import message
from tests.unit.predictor.requests import json_body, readings

FEATURES = 3
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def collected(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """What a collector receives, to which predictors started meanwhile send."""
    received: list[Any] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            received.append(trace_service.ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield received
        server.shutdown()
        serving.join()


async def test_each_request_leaves_a_span_with_its_stages(tmp_path: Path, collected: list[Any]) -> None:
    bundle = pack_bundle(tmp_path / "bundle", features=FEATURES)
    sent = readings(2, FEATURES, sampled_at=time.time_ns() // 1_000_000)
    async with predictor(tmp_path, bundle, grpc_port=0, drain="0s") as process:
        await process.logged("ready")
        headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
        async with httpx.AsyncClient(base_url=await process.address()) as client:
            response = await client.post("/v2/models/north-line/infer", content=json_body(sent)[0], headers=headers)
            assert response.status_code == 200
            assert (await client.post("/v2/models/north-line/infer", content=b"")).status_code == 400
        async with aio.insecure_channel(await process.grpc_address()) as channel:
            await GRPCInferenceServiceStub(channel).ModelInfer(message(sent))
        process.interrupt()
        assert await process.exit_code() == 0
    resources = [resource for request in collected for resource in request.resource_spans]
    labels = {label.key: label.value.string_value for label in resources[0].resource.attributes}
    assert (labels["service.name"], labels["weldserve.model"]) == ("weldserve-predictor", "north-line")
    spans = [span for resource in resources for scope in resource.scope_spans for span in scope.spans]
    requests = [span for span in spans if span.name == "infer"]
    assert [span.trace_id.hex() == TRACE for span in requests] == [True, False, False]
    assert requests[0].parent_span_id.hex() == PARENT
    for request, stages in zip(
        requests, ({"decode", "score", "encode"}, set(), {"decode", "score", "encode"}), strict=True
    ):
        assert {span.name for span in spans if span.parent_span_id == request.span_id} == stages
