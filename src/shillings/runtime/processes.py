"""The two kinds of process, from start to drained stop."""

import asyncio
import gc
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from importlib.util import find_spec

import structlog
import uvicorn
import uvloop

from shillings.base.environment import make_environment
from shillings.base.errors import Refusal, SettingsError
from shillings.runtime.addresses import PORT_MAX
from shillings.runtime.descriptors import affordable
from shillings.runtime.exposure import require_key_beyond_loopback
from shillings.runtime.priority import give_way
from shillings.runtime.sandbox import make_clock
from shillings.runtime.settings import PREFIX, Settings
from shillings.runtime.stack import AppStack
from shillings.runtime.web_stack import make_web
from shillings.telemetry import logs
from shillings.telemetry.metrics import Metrics
from shillings.telemetry.tracing import make_tracing
from shillings.web.protocol import BACKLOG, DRAIN_SECONDS_MAX, HttpConfig
from shillings.web.site import Site
from shillings.wire.address import Address
from shillings.wire.client import AppClient
from shillings.wire.server import AppServer

SWITCH_SECONDS = 0.001
APP_POLL_SECONDS = 0.05

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
    """Be a web server on an open socket until SIGTERM. Raises SettingsError when it may not be reached there."""
    require_key_beyond_loopback(settings, listener.getsockname()[0])
    logs.configure(log_format=settings.log_format, log_level=settings.log_level, process="web")
    tracing = make_tracing(settings.trace_endpoint, "shillings-web")
    environment = make_environment(
        seed=settings.seed, clock=make_clock(settings.frozen_moment(), sandbox=False), process="web"
    )
    metrics = _metrics(settings)
    site = make_web(settings, addresses, metrics, tracing, environment)
    limits = settings.limits()._replace(connections=affordable(settings.connections_max))
    config = HttpConfig(site, lifespan="on", limits=limits, count=metrics.count_http_limit)
    uvloop.run(_serve_web(_WebServer(config), listener, site))
    tracing.close()


def run_webhooks(settings: Settings, addresses: list[Address]) -> None:
    """Be a deliverer of webhooks until SIGTERM. Raises SettingsError when it cannot start."""
    logs.configure(log_format=settings.log_format, log_level=settings.log_level, process="webhooks")
    if not settings.deliverer_key:
        raise SettingsError(
            "SHILLINGS_DELIVERER_KEY must be set to what the application servers have; "
            "make one with: openssl rand -hex 32"
        )
    if find_spec("httpcore2") is None:
        raise SettingsError("webhooks need one more package: pip install 'shillings[webhooks]'")
    # Payments go first: a delivery can wait, and whoever pays cannot.
    give_way()
    uvloop.run(_deliver(settings, addresses, _metrics(settings)))


def bind(host: str, port: int) -> socket.socket:
    """A listening socket for web servers; several may share it.

    Raises:
        SettingsError: there is no such place, or it is taken.
    """
    if not host:
        raise SettingsError("the host to listen at must not be empty; 0.0.0.0 is every network")
    if not 0 <= port <= PORT_MAX:
        raise SettingsError(f"there is no port {port}; choose one from 0 (any that is free) to {PORT_MAX}")
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise SettingsError(f"cannot listen at {host}:{port}: {error.strerror}. Choose another host or port") from None
    listener.setblocking(False)
    return listener


def require_metrics_places(settings: Settings, count: int) -> None:
    """Refuse metrics that one of so many processes cannot serve, each at its own port. Raises SettingsError."""
    if not settings.metrics_listen:
        return
    host, _, text = settings.metrics_listen.rpartition(":")
    first, last = int(text), int(text) + count - 1
    try:
        for port in range(first, last + 1):
            bind(host.strip("[]"), port).close()
    except SettingsError as error:
        raise SettingsError(
            f"{PREFIX}METRICS_LISTEN: the {count} processes' metrics are at {first} to {last}: {error}"
        ) from None


class _WebServer(uvicorn.Server):
    """uvicorn's server, stopped by us and not by signal handlers of its own."""

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        return nullcontext()


async def _serve_app(stack: AppStack, address: Address) -> None:
    stop = asyncio.Event()
    _on_stop(stop.set)
    await stack.start()
    server = AppServer(stack.dispatch.respond)
    try:
        await server.listen(address)
    except OSError as error:
        raise SettingsError(f"cannot listen at {address}: {error.strerror or error}. Choose another address") from None
    jobs = [asyncio.create_task(job) for job in stack.jobs()]
    _settle_memory()
    await stop.wait()
    log.info("app_stopping")
    for job in jobs:
        job.cancel()
    await server.drain(DRAIN_SECONDS_MAX)
    await stack.close()


async def _deliver(settings: Settings, addresses: list[Address], metrics: Metrics) -> None:
    stop = asyncio.Event()
    _on_stop(stop.set)
    async with AppClient(addresses) as client:
        while not stop.is_set() and not _has_room(client):
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), APP_POLL_SECONDS)
        # Only now: an HTTP client takes long to import, and there was nobody to deliver for.
        from shillings.runtime.deliverer import make_deliverer

        deliverer = make_deliverer(settings, client, addresses, metrics)
        _settle_memory()
        await deliverer.run(stop)


def _has_room(client: AppClient) -> bool:
    try:
        client.require_room()
    except Refusal:
        return False
    return True


async def _serve_web(server: uvicorn.Server, listener: socket.socket, site: Site) -> None:
    def stop() -> None:
        log.info("web_stopping")
        site.let_go()
        server.should_exit = True

    _on_stop(stop)
    _settle_memory()
    await server.serve(sockets=[listener])


def _metrics(settings: Settings) -> Metrics:
    metrics = Metrics()
    if settings.metrics_listen:
        try:
            metrics.serve(settings.metrics_listen)
        except (OSError, OverflowError) as error:
            place = settings.metrics_listen
            raise SettingsError(f"SHILLINGS_METRICS_LISTEN: cannot listen at {place}: {error}") from None
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
