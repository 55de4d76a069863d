"""`make prod-local`: the production stack on this machine, without containers."""

import argparse
import fcntl
import secrets
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from deploy.local.database_server import Database
from deploy.local.galera import Cluster
from deploy.local.mariadb import MariaDB
from deploy.local.mysql import MySQL
from deploy.local.programs import MissingProgram
from deploy.local.server import ServerFailed
from deploy.local.template import TemplateFailed
from deploy.local.topology import Topology
from shillings.testing.ports import is_free

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)

_WELCOME = """
Shillings is at {url}   (Ctrl-C stops it; what it knows stays in {data})

  curl -s {url}/readyz
  J='Content-Type: application/json'
  curl -s {url}/v1/signup -H "$J" -d '{{"first_name":"Ann","last_name":"Lee","email":"ann@example.com","password":"correct horse"}}'
  curl -s {url}/v1/login -c ann.cookies -H "$J" -d '{{"email":"ann@example.com","password":"correct horse"}}'
  curl -s {url}/v1/topup -b ann.cookies -H "$J" -d '{{"amount":"50.00"}}'
  curl -s {url}/v1/account -b ann.cookies

Metrics:
{metrics}
Database:
  {database}
Logs:
  {data}/*/*.log
"""  # noqa: E501


def main() -> int:
    """Start everything, say where it is, and run until told to stop. Returns the exit code."""
    arguments = _arguments()
    for number in _STOP_SIGNALS:
        signal.signal(number, _stop)
    try:
        with _claimed(arguments.data):
            _run(arguments)
    except _Stopped:
        print("Stopped.", flush=True)
    except (ServerFailed, TemplateFailed, MissingProgram, OSError) as error:
        print(f"prod-local: {error}", file=sys.stderr)
        return 1
    return 0


class _Stopped(BaseException):
    """Somebody pressed Ctrl-C or sent SIGTERM; raised wherever the main thread is."""


def _stop(_number: int, _frame: FrameType | None) -> None:
    # Once is enough: stopping is not interrupted by more of the same.
    for number in _STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    print("\nStopping...", flush=True)
    raise _Stopped


def _run(arguments: argparse.Namespace) -> None:
    """Keep the stack running. Never returns but by an exception."""
    data: Path = arguments.data
    if not is_free(arguments.port, arguments.host):
        raise OSError(f"{arguments.host}:{arguments.port} is taken; choose another --port")
    topology = Topology(
        data,
        web=arguments.web,
        app=arguments.app,
        database=_database(arguments),
        host=arguments.host,
        port=arguments.port,
        settings={"JWT_KEYS": _secret(data / "jwt-key")},
        supervised=True,
        announce=lambda sentence: print(f"  {sentence}", flush=True),
    )
    print("Starting...", flush=True)
    with topology:
        servers = (*topology.apps, *topology.webs)
        metrics = "\n".join(f"  {server.name}  {server.metrics_url}" for server in servers)
        database = topology.database.url
        print(_WELCOME.format(url=topology.url, data=data, metrics=metrics, database=database), flush=True)
        while True:
            signal.pause()


def _database(arguments: argparse.Namespace) -> Database:
    kind: str = arguments.database
    directory, memory = arguments.data / kind, arguments.database_memory_mb
    password = _secret(arguments.data / "database-password")
    if kind == "galera":
        return Cluster(directory, buffer_pool_mb=memory, password=password)
    server = {"mariadb": MariaDB, "mysql": MySQL}[kind]
    return server(directory, buffer_pool_mb=memory, redo_log_mb=256, password=password)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.local", description="Run the production stack on this machine, without containers."
    )
    parser.add_argument("--web", type=_count, default=5, help="how many web servers (5)")
    parser.add_argument("--app", type=_count, default=2, help="how many application servers (2)")
    parser.add_argument("--host", default="127.0.0.1", help="the address nginx listens on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=8080, help="its port (8080)")
    parser.add_argument("--data", type=Path, default=Path(".prod-local"), help="where data are kept (.prod-local)")
    parser.add_argument(
        "--database", choices=("mariadb", "mysql", "galera"), default="mariadb", help="what keeps the books (mariadb)"
    )
    parser.add_argument(
        "--database-memory-mb", type=_count, default=256, help="the database's memory for data pages (256)"
    )
    return parser.parse_args()


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


@contextmanager
def _claimed(data: Path) -> Iterator[None]:
    """Hold the data directory, so that a second start says so instead of breaking the first. Raises OSError."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (data / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OSError(f"{data} is in use: another prod-local runs; stop it, or choose another --data") from None
        yield


def _secret(path: Path) -> str:
    """A secret that outlives a restart, such as the key of all tokens; made when it is not there."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(48))
    return path.read_text()


if __name__ == "__main__":
    sys.exit(main())
