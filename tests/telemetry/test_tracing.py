"""Traces reach a collector, and both layers' spans belong to the caller's trace."""

import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Queue

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from shillings.telemetry.tracing import OtlpTracing
from shillings.testing.ports import free_port

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def collector() -> Iterator[tuple[str, "Queue[ExportTraceServiceRequest]"]]:
    """A collector's address, and what it was sent."""
    received: Queue[ExportTraceServiceRequest] = Queue()

    class Collector(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            import gzip

            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            received.put(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1/traces", received
    server.shutdown()
    server.server_close()
    thread.join()


def test_both_layers_join_the_callers_trace(
    tmp_path: Path, collector: tuple[str, "Queue[ExportTraceServiceRequest]"]
) -> None:
    """A request with a traceparent gives one span in each layer, the inner one the outer one's child."""
    endpoint, received = collector
    port = free_port()
    environ = {**os.environ, "SHILLINGS_TRACE_ENDPOINT": endpoint}
    program = str(Path(sys.executable).parent / "shillings")
    command = [program, "serve", "--port", str(port), "--data-dir", str(tmp_path / "data")]
    service = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert service.stdout is not None
        for line in service.stdout:
            if "Shillings is at" in line:
                break
        headers = {"traceparent": f"00-{TRACE_ID}-b7ad6b7169203331-01"}
        httpx.post(
            f"http://127.0.0.1:{port}/v1/login", json={"email": "a@b.cd", "password": "12345678"}, headers=headers
        )
    finally:
        service.terminate()
        service.communicate(timeout=30)

    spans = {}
    while not received.empty():
        for resource in received.get().resource_spans:
            for scope in resource.scope_spans:
                spans.update({span.name: span for span in scope.spans if span.trace_id.hex() == TRACE_ID})
    assert set(spans) == {"/v1/login", "LGN"}
    assert spans["/v1/login"].parent_span_id.hex() == "b7ad6b7169203331"
    assert spans["LGN"].parent_span_id == spans["/v1/login"].span_id


def test_spans_of_requests_under_way_together_are_not_each_others_parents(
    collector: tuple[str, "Queue[ExportTraceServiceRequest]"],
) -> None:
    """A request's span belongs to its caller's trace, or begins one, also while others are under way in its thread."""
    tracing = OtlpTracing(collector[0], "test")
    with tracing.span("one", f"00-{TRACE_ID}-b7ad6b7169203331-01") as one, tracing.span("two", "") as two:
        assert one.split("-")[1] == TRACE_ID
        assert two.split("-")[1] != TRACE_ID
    tracing.close()
