"""The command line."""

import asyncio
import os
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import App, Parameter

import shillings
from shillings import settings as setting
from shillings.errors import Code, Refusal, SettingsError
from shillings.processes import bind, run_app, run_web
from shillings.settings import Settings
from shillings.stack import database_url, migrate_database, prepare_data_dir, signing_keys
from shillings.storage.engine import SQLITE, dialect_of
from shillings.supervisor import EXIT_SETTINGS, Child, Supervisor
from shillings.wire import shillings_pb2 as wire
from shillings.wire.address import Address
from shillings.wire.client import WebConnection

READY_SECONDS_MAX = 90.0
READY_ANSWER_SECONDS_MAX = 2.0

app = App(
    name="shillings",
    help="A payment service you run on your own machine and break on purpose.",
    version=shillings.__version__,
)


@app.command
def serve(
    *,
    host: Annotated[str, Parameter(help="Where to listen; 0.0.0.0 for every network.")] = "127.0.0.1",
    port: Annotated[int, Parameter(help="The port.")] = 8080,
    data_dir: Annotated[str | None, Parameter(help="Where the data are kept; .shillings by default.")] = None,
    web_workers: Annotated[int, Parameter(help="How many web processes.")] = 1,
) -> None:
    """Start Shillings: both layers, on this machine."""
    settings = setting.read(os.environ, data_dir=data_dir)
    if web_workers < 1:
        raise SettingsError("--web-workers must be at least 1")
    prepare_data_dir(settings)
    if dialect_of(database_url(settings)) is SQLITE:
        migrate_database(settings)
    signing_keys(settings)
    try:
        listener = bind(host, port)
    except OSError as error:
        raise SettingsError(f"cannot listen at {host}:{port}: {error.strerror}. Choose another --port") from None
    with tempfile.TemporaryDirectory(prefix="shillings-") as folder:
        sockets = Path(folder)
        address = Address(path=str(sockets / "app.sock"))
        children = [Child("app", lambda: run_app(_with_metrics(settings, 0), address), stage=0)]
        for number in range(1, web_workers + 1):
            worker = _with_metrics(settings, number)
            children.append(Child(f"web {number}", lambda s=worker: run_web(s, listener, [address]), stage=1))  # type: ignore[misc]
        supervisor = Supervisor(children, sockets)
        supervisor.start()
        url = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{listener.getsockname()[1]}"  # noqa: S104
        code = _announce(supervisor, url)
        sys.exit(supervisor.run() if code is None else code)


@app.command(name="app")
def app_server(*, listen: Annotated[str, Parameter(help="tcp://host:port or unix:///path.")]) -> None:
    """Start one application server."""
    run_app(setting.read(os.environ), Address.parse(listen))


@app.command
def web(
    *,
    listen: Annotated[str, Parameter(help="host:port.")],
    app: Annotated[str, Parameter(help="The application servers' addresses, separated by commas.")],
) -> None:
    """Start one web server."""
    settings = setting.read(os.environ)
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit():
        raise SettingsError(f"--listen must be host:port, not {listen!r}")
    addresses = [Address.parse(text.strip()) for text in app.split(",")]
    try:
        listener = bind(host.strip("[]"), int(port))
    except OSError as error:
        raise SettingsError(f"cannot listen at {listen}: {error.strerror}") from None
    run_web(settings, listener, addresses)


@app.command
def migrate() -> None:
    """Bring the database's schema up to date."""
    settings = setting.read(os.environ)
    migrate_database(settings)
    print("The schema is up to date.")


@app.command
def ready(*, app: Annotated[str, Parameter(help="An application server's address.")]) -> None:
    """Ask an application server whether it can serve: exit code 0 if so, 1 if not. Made for health checks."""
    reason = asyncio.run(_why_not_ready(Address.parse(app)))
    if reason:
        print(f"shillings: {app} is not ready: {reason}", file=sys.stderr)
        sys.exit(1)
    print("Ready.")


def main() -> None:
    """The console script."""
    try:
        app()
    except SettingsError as error:
        print(f"shillings: {error}", file=sys.stderr)
        sys.exit(EXIT_SETTINGS)


async def _why_not_ready(address: Address) -> str:
    """Why an application server cannot serve; empty when it can."""
    connection = WebConnection()
    request = wire.Request(command=wire.RDY, timeout_ms=int(READY_ANSWER_SECONDS_MAX * 1000))
    try:
        async with asyncio.timeout(READY_ANSWER_SECONDS_MAX):
            await address.connect(lambda: connection)
            response = await connection.call(request, time.monotonic() + READY_ANSWER_SECONDS_MAX)
    except TimeoutError:
        return f"no answer within {READY_ANSWER_SECONDS_MAX:g} s"
    except (OSError, Refusal) as error:
        return str(error)
    finally:
        connection.close()
    return "" if response.code == wire.OK else f"{Code(response.code).word}: {response.message}"


def _with_metrics(settings: Settings, number: int) -> Settings:
    """The settings of one of several processes: each serves its metrics on a port of its own."""
    if not settings.metrics_listen:
        return settings
    host, _, port = settings.metrics_listen.rpartition(":")
    return msgspec.structs.replace(settings, metrics_listen=f"{host}:{int(port) + number}")


def _announce(supervisor: Supervisor, url: str) -> int | None:
    """Wait until the service is ready, then say what to try. Returns an exit code if it never gets ready."""
    ends = time.monotonic() + READY_SECONDS_MAX
    while time.monotonic() < ends:
        code = supervisor.check()
        if code is not None:
            return code
        if _answers(f"{url}/readyz"):
            print(_WELCOME.format(url=url), flush=True)
            return None
        time.sleep(0.02)
    print(f"shillings: not ready after {READY_SECONDS_MAX:.0f} s; the log above may say why", file=sys.stderr)
    return None


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False


_WELCOME = """\
Shillings is at {url}   (Ctrl-C stops it)

Try, in another terminal:
  J='Content-Type: application/json'
  curl -s {url}/v1/signup -H "$J" \\
    -d '{{"first_name":"Ann","last_name":"Lee","email":"ann@example.com","password":"correct horse"}}'
  curl -s {url}/v1/login -c ann.cookies -H "$J" -d '{{"email":"ann@example.com","password":"correct horse"}}'
  curl -s {url}/v1/topup -b ann.cookies -H "$J" -d '{{"amount":"50.00"}}'
  curl -s {url}/v1/account -b ann.cookies
The README goes on from there; {url}/openapi.json lists everything."""
