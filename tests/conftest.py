"""What every test may use: coroutine tests, real servers, and a loud word about what was skipped."""

import asyncio
import inspect
import secrets
from collections.abc import Iterator

import pytest
import structlog
import uvloop
from hypothesis import settings

from deploy.local.database_server import DatabaseServer
from deploy.local.mariadb import MariaDB
from deploy.local.mysql import MySQL
from deploy.local.redis import Redis
from tests.programs import require_mysql, require_programs, skipped

COROUTINE_SECONDS_MAX = 30.0

# Tracebacks without the local variables of every frame, which take longer than most tests.
structlog.configure(
    processors=[
        structlog.stdlib.add_log_level,
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)

# How long an example takes says nothing on a machine that does other things too.
settings.register_profile("shillings", deadline=None)
# For `make mutants`: a bug that needs rarer examples than these is one that the tests notice by luck.
settings.register_profile("few", deadline=None, max_examples=20, derandomize=True, database=None)
settings.load_profile("shillings")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that is a coroutine, in an event loop of its own and of the kind the service uses."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters}
    uvloop.run(asyncio.wait_for(pyfuncitem.obj(**arguments), COROUTINE_SECONDS_MAX))
    return True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was not tested for want of a program."""
    if skipped:
        terminalreporter.section("NOT TESTED: programs are missing", red=True, bold=True)
    for reason in sorted(skipped):
        terminalreporter.write_line(reason)


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    """A MariaDB that nobody kills or pauses: those tests start their own."""
    require_programs("mariadbd")
    with MariaDB(tmp_path_factory.mktemp("mariadb")) as server:
        yield server


@pytest.fixture(scope="session")
def mysql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MySQL]:
    """A MySQL that nobody kills or pauses: those tests start their own."""
    require_mysql()
    with MySQL(tmp_path_factory.mktemp("mysql")) as server:
        yield server


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """A Redis that nobody kills or pauses: those tests start their own."""
    require_programs("redis-server")
    with Redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="module")
def fresh_database_url(mariadb: MariaDB) -> Iterator[str]:
    """The URL of a database on the shared MariaDB that only this module's tests use. It is empty at first."""
    yield from _fresh_database(mariadb)


@pytest.fixture(scope="module")
def fresh_mysql_url(mysql: MySQL) -> Iterator[str]:
    """The same on the shared MySQL."""
    yield from _fresh_database(mysql)


def _fresh_database(server: DatabaseServer) -> Iterator[str]:
    name = f"shillings_{secrets.token_hex(6)}"
    yield server.create_database(name)
    server.drop_database(name)
