"""OpenTelemetry traces: one span for each inference request, with a child for each stage.

They are sent by OTLP over HTTP to where the environment variable OTEL_EXPORTER_OTLP_ENDPOINT says, and cost next to
nothing where it says nothing. The SDK's other variables (sampling, headers, batches) count too.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
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

    @contextmanager
    def request(self, protocol: str, headers: Mapping[str, str]) -> Iterator[Callable[[str], None]]:
        """The span of one request, a child of the client's that `headers` tell of; gives a way to say its status."""
        if self._tracer is None:
            yield _say_nothing
            return
        attributes = {"weldserve.protocol": protocol}
        with self._tracer.start_as_current_span(
            "infer", propagate.extract(headers), trace.SpanKind.SERVER, attributes, record_exception=False
        ) as span:
            yield lambda status: span.set_attribute("weldserve.status", status)

    def stage(self, name: str, seconds: float, readings: int | None = None) -> None:
        """A stage of the request at hand has just ended, after `seconds`."""
        if self._tracer is None:
            return
        now = time.time_ns()
        span = self._tracer.start_span(name, start_time=now - round(seconds * 1e9))
        if readings is not None:
            span.set_attribute("weldserve.readings", readings)
        span.end(now)


def _say_nothing(_: str) -> None:
    pass


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
