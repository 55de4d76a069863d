"""Traces: one span in each layer, joined by the W3C trace context that the frame carries.

OpenTelemetry is an extra. Without it, or without SHILLINGS_TRACE_ENDPOINT, a caller's trace context is still
passed on from layer to layer, and costs next to nothing.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol

from shillings.base.errors import SettingsError


class Tracing(Protocol):
    """Makes spans."""

    def span(self, name: str, parent: str) -> AbstractContextManager[str]:
        """A span while the context lasts; it gives the traceparent for whoever is called from inside.

        Args:
            name: what is done.
            parent: the caller's traceparent; empty for none.
        """

    def close(self) -> None:
        """Send what is unsent."""


class NoTracing:
    """No spans; the caller's trace context goes on unchanged."""

    def span(self, _name: str, parent: str) -> AbstractContextManager[str]:
        """See Tracing."""
        return nullcontext(parent)

    def close(self) -> None:
        """See Tracing."""


class OtlpTracing:
    """Spans sent to a collector over OTLP/HTTP.

    Args:
        endpoint: the collector's address, such as http://127.0.0.1:4318/v1/traces.
        service: the service's name in the traces: "shillings-web" or "shillings-app".

    Raises:
        SettingsError: the `tracing` extra is not installed.
    """

    def __init__(self, endpoint: str, service: str) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
            from opentelemetry.trace import SpanKind, set_span_in_context
            from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
        except ImportError:
            message = "SHILLINGS_TRACE_ENDPOINT is set, and OpenTelemetry is missing: pip install 'shillings[tracing]'"
            raise SettingsError(message) from None
        self._provider = TracerProvider(resource=Resource.create({"service.name": service}))
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
        self._tracer = self._provider.get_tracer("shillings")
        self._propagator = TraceContextTextMapPropagator()
        self._kind = SpanKind.SERVER
        self._within = set_span_in_context

    @contextmanager
    def span(self, name: str, parent: str) -> Iterator[str]:
        """See Tracing."""
        context = self._propagator.extract({"traceparent": parent}) if parent else None
        # Not as the current one: requests take turns in one thread, and have no task, so no context, of their own.
        with self._tracer.start_span(name, context=context, kind=self._kind) as span:
            carrier: dict[str, str] = {}
            self._propagator.inject(carrier, self._within(span))
            yield carrier.get("traceparent", "")

    def close(self) -> None:
        """See Tracing."""
        self._provider.shutdown()


def make_tracing(endpoint: str, service: str) -> Tracing:
    """Spans to the endpoint; none when it is empty."""
    return OtlpTracing(endpoint, service) if endpoint else NoTracing()
