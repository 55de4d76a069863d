"""The two kinds of process, from start to drained stop."""

import asyncio
import gc
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import structlog
import uvicorn
import uvloop

from shillings.app.housekeeping import keep_house
from shillings.clock import now
from shillings.settings import Settings
from shillings.stack import AppStack, make_web
from shillings.telemetry import logs
from shillings.telemetry.metrics import Metrics
from shillings.telemetry.tracing import make_tracing
from shillings.web.protocol import BACKLOG, DRAIN_SECONDS_MAX, HttpConfig
from shillings.wire.address import Address
from shillings.wire.server import AppServer

SWITCH_SECONDS = 0.001

log = structlog.get_logger(__name__)


def run_app(settings: Settings, address: Address) -> None:
    """Be an application server until SIGTERM. Raises SettingsError when it cannot start."""
    logs.configure(log_format=settings.log_format, log_level=settings.log_level, process="app")
    metrics = _metrics(settings)
    tracing = make_tracing(settings.trace_endpoint, "shillings-app")
    stack = AppStack(settings, metrics, tracing)
    uvloop.run(_serve_app(stack, address))
    tracing.close()


def run_web(settings: Settings, listener: socket.socket, addresses: list[Address]) -> None:
    """Be a web server on an open socket until SIGTERM."""
    logs.configure(log_format=settings.log_format, log_level=settings.log_level, process="web")
    tracing = make_tracing(settings.trace_endpoint, "shillings-web")
    service = make_web(settings, addresses, _metrics(settings), tracing)
    uvloop.run(_serve_web(_WebServer(HttpConfig(service, lifespan="on")), listener))
    tracing.close()


def bind(host: str, port: int) -> socket.socket:
    """A listening socket for web servers; several may share it. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener


class _WebServer(uvicorn.Server):
    """uvicorn's server, stopped by us and not by signal handlers of its own."""

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        return nullcontext()


async def _serve_app(stack: AppStack, address: Address) -> None:
    stop = asyncio.Event()
    _on_stop(stop.set)
    server = AppServer(stack.dispatch.answer)
    await server.listen(address)
    house = asyncio.create_task(keep_house(stack.identity, now))
    _settle_memory()
    await stop.wait()
    log.info("app_stopping")
    house.cancel()
    await server.drain(DRAIN_SECONDS_MAX)
    await stack.close()


async def _serve_web(server: uvicorn.Server, listener: socket.socket) -> None:
    def stop() -> None:
        log.info("web_stopping")
        server.should_exit = True

    _on_stop(stop)
    _settle_memory()
    await server.serve(sockets=[listener])


def _metrics(settings: Settings) -> Metrics:
    metrics = Metrics()
    if settings.metrics_listen:
        metrics.serve(settings.metrics_listen)
    return metrics


def _on_stop(stop: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)


def _settle_memory() -> None:
    """Spare the collector what was made at start, and let it run less often: requests make few cycles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    # A thread that comes back from the database waits this long at most for the event loop to let it in.
    sys.setswitchinterval(SWITCH_SECONDS)
