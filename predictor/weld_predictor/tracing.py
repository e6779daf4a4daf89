"""OpenTelemetry traces: one span for each inference request, with a child for each stage.

They are sent by OTLP over HTTP to where the environment variable OTEL_EXPORTER_OTLP_ENDPOINT says, and cost next to
nothing where it says nothing. The SDK's other variables (sampling, headers, batches) count too.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import propagate, trace

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
SERVICE = "weldserve-predictor"

_log = logging.getLogger(__name__)


class Traces:
    """The spans of one predictor."""

    def __init__(self, provider: trace.TracerProvider | None) -> None:
        """Without `provider` nothing is recorded."""
        self._tracer = None if provider is None else provider.get_tracer("weld_predictor")

    @property
    def are_recorded(self) -> bool:
        return self._tracer is not None

    def request(
        self,
        protocol: str,
        headers: Mapping[str, str],
        status: str,
        started: float,
        steps: Iterable[tuple[str, float]] = (),
    ) -> None:
        """One request, a child of the client's span that `headers` tell of, has just ended with `status`.

        It began at `started`, by `time.perf_counter`; `steps` have names and seconds, and followed each other.
        """
        if self._tracer is None:
            return
        now, wall = time.perf_counter(), time.time_ns()
        attributes = {"weldserve.protocol": protocol, "weldserve.status": status}
        span = self._tracer.start_span(
            "infer", propagate.extract(headers), trace.SpanKind.SERVER, attributes, start_time=_ago(wall, now - started)
        )
        if span.is_recording():
            context = trace.set_span_in_context(span)
            left = sum(seconds for _, seconds in steps)
            for name, seconds in steps:
                child = self._tracer.start_span(name, context, start_time=_ago(wall, left))
                left -= seconds
                child.end(_ago(wall, left))
        span.end(wall)


def _ago(wall: int, seconds: float) -> int:
    return wall - round(seconds * 1e9)


@contextmanager
def exported_traces(labels: Mapping[str, str]) -> Iterator[Traces]:
    """Traces that go to the endpoint if there is one, those still on their way at the end too.

    `labels` are told with every span, beside the service's name.
    """
    if not os.environ.get(ENDPOINT):
        yield Traces(None)
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        _log.warning("%s is set, but no traces are sent: %s; install weldserve[tracing]", ENDPOINT, error)
        yield Traces(None)
        return
    told = {f"weldserve.{name}": value for name, value in labels.items()}
    provider = TracerProvider(resource=Resource.create({"service.name": SERVICE, **told}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    try:
        yield Traces(provider)
    finally:
        provider.shutdown()
