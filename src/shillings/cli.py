"""The command line.

What a command needs is imported when it runs: `--help` must not wait for a database's driver.
"""

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

import shillings
from shillings.base.errors import Code, Refusal, SettingsError
from shillings.runtime.supervisor import EXIT_SETTINGS, Supervisor

if TYPE_CHECKING:
    from shillings.runtime.settings import Settings
    from shillings.wire.address import Address

READY_SECONDS_MAX = 90.0
READY_ANSWER_SECONDS_MAX = 2.0

app = App(
    name="shillings",
    help="A payment service you run on your own machine and break on purpose.",
    version=shillings.__version__,
    help_format="plaintext",
)


@app.command
def serve(
    *,
    host: Annotated[str, Parameter(help="Where to listen; 0.0.0.0 for every network.")] = "127.0.0.1",
    port: Annotated[int, Parameter(help="The port.")] = 8080,
    data_dir: Annotated[str | None, Parameter(help="Where the data are kept; .shillings by default.")] = None,
    web_workers: Annotated[int, Parameter(help="How many web processes.")] = 1,
    seed: Annotated[str | None, Parameter(help="The same seed gives the same ids and faults; see the docs.")] = None,
    fixtures: Annotated[Path | None, Parameter(help="YAML or JSON: people and payments to begin with.")] = None,
) -> None:
    """Start Shillings: both layers, on this machine."""
    import tempfile

    from shillings.runtime.data_dir import prepare_folder
    from shillings.runtime.exposure import sandbox_for
    from shillings.runtime.processes import bind, require_metrics_places, run_app, run_web, run_webhooks
    from shillings.runtime.stack import database_url, migrate_database, signing_keys
    from shillings.runtime.supervisor import Child
    from shillings.storage.engines import dialect_of
    from shillings.wire.address import Address

    settings = _settings(data_dir=data_dir, seed=seed, sandbox=sandbox_for(host, os.environ))
    if web_workers < 1:
        raise SettingsError("--web-workers must be at least 1")
    if fixtures is not None and not settings.sandbox:
        raise SettingsError("--fixtures needs the sandbox, and that is off")
    listener = bind(host, port)
    require_metrics_places(settings, web_workers + 2)
    prepare_folder(Path(settings.data_dir))
    if dialect_of(database_url(settings)).is_embedded:
        migrate_database(settings)
    signing_keys(settings)
    settings = _with_webhooks(settings, host, listener.getsockname()[1], web_workers)
    with tempfile.TemporaryDirectory(prefix="shillings-") as folder:
        sockets = Path(folder)
        address = Address(path=str(sockets / "app.sock"))
        children = [Child("app", lambda: run_app(_with_metrics(settings, 0), address), stage=0)]
        for number in range(1, web_workers + 1):
            worker = _with_metrics(settings, number)
            children.append(Child(f"web {number}", lambda s=worker: run_web(s, listener, [address]), stage=1))  # type: ignore[misc]
        if settings.deliverer_key:
            deliverer = _with_metrics(settings, web_workers + 1)
            children.append(Child("deliverer", lambda: run_webhooks(deliverer, [address]), stage=2))
        supervisor = Supervisor(children, sockets)
        supervisor.start()
        url = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{listener.getsockname()[1]}"  # noqa: S104
        code = _announce(supervisor, url, settings, fixtures)
        sys.exit(supervisor.run() if code is None else code)


@app.command(name="app")
def app_server(*, listen: Annotated[str, Parameter(help="tcp://host:port or unix:///path.")]) -> None:
    """Start one application server."""
    from shillings.runtime.processes import run_app
    from shillings.wire.address import Address

    run_app(_settings(), Address.parse(listen))


@app.command
def web(
    *,
    listen: Annotated[str, Parameter(help="host:port.")],
    app: Annotated[str, Parameter(help="The application servers' addresses, separated by commas.")],
) -> None:
    """Start one web server."""
    from shillings.runtime.processes import bind, run_web
    from shillings.wire.address import Address

    settings = _settings()
    host, _, port = listen.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()):
        raise SettingsError(f"--listen must be host:port, not {listen!r}")
    addresses = [Address.parse(text.strip()) for text in app.split(",")]
    listener = bind(host.strip("[]"), int(port))
    run_web(settings, listener, addresses)


@app.command
def webhooks(
    *, app: Annotated[str, Parameter(help="The application servers' addresses, separated by commas.")]
) -> None:
    """Start one deliverer of webhooks; any number may run side by side."""
    from shillings.runtime.processes import run_webhooks
    from shillings.wire.address import Address

    run_webhooks(_settings(), [Address.parse(text.strip()) for text in app.split(",")])


@app.command
def migrate() -> None:
    """Bring the database's schema up to date."""
    from shillings.runtime.stack import migrate_database

    migrate_database(_settings())
    print("The schema is up to date.")


@app.command
def ready(*, app: Annotated[str, Parameter(help="An application server's address.")]) -> None:
    """Ask an application server whether it can serve: exit code 0 if so, 1 if not. Made for health checks."""
    import asyncio

    from shillings.wire.address import Address

    reason = asyncio.run(_why_not_ready(Address.parse(app)))
    if reason:
        print(f"shillings: {app} is not ready: {reason}", file=sys.stderr)
        sys.exit(1)
    print("Ready.")


@app.command
def faults(name: Annotated[str, Parameter(help="A fault; all of them in short if left out.")] = "", /) -> None:
    """Tell what the sandbox can break: what the client sees, what the ledger holds, and what it stands for."""
    from shillings.base.errors import Refusal
    from shillings.sandbox.faults.text import described, overview

    try:
        print(described(name) if name else overview())
    except Refusal as refusal:
        raise SettingsError(refusal.message) from None


@app.command
def audit(
    *,
    url: Annotated[str, Parameter(help="Where Shillings is.")] = "http://127.0.0.1:8080",
    key: Annotated[str, Parameter(help="The sandbox's key, where one is set.")] = "",
) -> None:
    """Ask whether your code coped: exit code 0 if so, 1 with findings, 2 if it could not be asked."""
    from shillings.runtime.http_client import RequestFailed, ask_audit

    try:
        lines, clean = ask_audit(url, key)
    except RequestFailed as error:
        print(f"shillings: cannot audit {url}: {error}", file=sys.stderr)
        sys.exit(EXIT_SETTINGS)
    print(lines)
    sys.exit(0 if clean else 1)


def main() -> None:
    """The console script."""
    try:
        app()
    except SettingsError as error:
        print(f"shillings: {error}", file=sys.stderr)
        sys.exit(EXIT_SETTINGS)


def _settings(**flags: object) -> "Settings":
    """The settings of a process that is about to start, if this interpreter may run it. Raises SettingsError."""
    from shillings.runtime import settings as setting
    from shillings.runtime.interpreter import require_sound

    require_sound()
    return setting.read(os.environ, **flags)


async def _why_not_ready(address: "Address") -> str:
    """Why an application server cannot serve; empty when it can."""
    import asyncio

    from shillings.contract import shillings_pb2 as wire
    from shillings.wire.client import WebConnection

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


def _with_metrics(settings: "Settings", number: int) -> "Settings":
    """The settings of one of several processes: each serves its metrics on a port of its own."""
    import msgspec

    if not settings.metrics_listen:
        return settings
    host, _, port = settings.metrics_listen.rpartition(":")
    return msgspec.structs.replace(settings, metrics_listen=f"{host}:{int(port) + number}")


def _with_webhooks(settings: "Settings", host: str, port: int, web_workers: int) -> "Settings":
    """The settings of `serve` with what its deliverer needs: a key, and where it may deliver to."""
    import importlib.util
    import ipaddress
    import secrets

    import msgspec

    if importlib.util.find_spec("httpcore2") is None:
        # Without the `webhooks` extra there is no deliverer, so no endpoints are taken either.
        return msgspec.structs.replace(settings, deliverer_key="")
    own = [f"{host}:{port}"]
    if settings.metrics_listen:
        place, _, first = settings.metrics_listen.rpartition(":")
        own += [f"{place}:{int(first) + number}" for number in range(web_workers + 2)]
    allow = [settings.webhook_allow] if settings.webhook_allow else []
    try:
        on_loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        on_loopback = host == "localhost"
    if on_loopback:
        allow.append("127.0.0.0/8,::1/128")
    return msgspec.structs.replace(
        settings,
        deliverer_key=settings.deliverer_key or secrets.token_hex(32),
        webhook_allow=",".join(allow),
        webhook_never=",".join(filter(None, [settings.webhook_never, *own])),
    )


def _announce(supervisor: Supervisor, url: str, settings: "Settings", fixtures: Path | None) -> int | None:
    """Wait until the service is ready, make the fixtures, then say what to try.

    Returns an exit code if it never gets ready.
    """
    ends = time.monotonic() + READY_SECONDS_MAX
    while time.monotonic() < ends:
        code = supervisor.check()
        if code is not None:
            return code
        if _answers(f"{url}/readyz"):
            code = None if fixtures is None else _begin_with(supervisor, url, settings.sandbox_key, fixtures)
            if code is None:
                print(_WELCOME.format(url=url, sandbox=_about_sandbox(settings)), flush=True)
            return code
        time.sleep(0.02)
    print(f"shillings: not ready after {READY_SECONDS_MAX:.0f} s; the log above may say why", file=sys.stderr)
    return None


def _begin_with(supervisor: Supervisor, url: str, key: str, fixtures: Path) -> int | None:
    """Make the fixtures. Returns an exit code, after everything was stopped, if they cannot be made."""
    from shillings.runtime.http_client import RequestFailed, send_fixtures

    try:
        print(send_fixtures(url, key, fixtures), flush=True)
    except RequestFailed as error:
        print(f"shillings: fixtures: {error}", file=sys.stderr)
        supervisor.stop_all()
        return EXIT_SETTINGS
    return None


def _answers(url: str) -> bool:
    import urllib.request

    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310
            return bool(response.status == 200)
    except OSError:
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
{sandbox}The README goes on from there; {url}/openapi.json lists everything."""

_SANDBOX = """\
Break it on purpose with the header Shillings-Fault; `shillings faults` lists what can be broken.
{seed}
"""


def _about_sandbox(settings: "Settings") -> str:
    """What to know of the sandbox; nothing where it is off."""
    if not settings.sandbox:
        return ""
    seed = (
        f"The seed is {settings.seed}." if settings.seed else "There is no seed: with --seed NAME ids and draws repeat."
    )
    return _SANDBOX.format(seed=seed)
