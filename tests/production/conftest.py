"""Production stacks for the fault tests. Servers that die are started again, as a container's restart policy does."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.local.database_server import DatabaseServer
from deploy.local.mariadb import MariaDB
from deploy.local.mysql import MySQL
from deploy.local.topology import Topology
from tests.figures import pytest_terminal_summary  # noqa: F401 - shown at the end of the run
from tests.production.production_stack import PayingStack, settle
from tests.programs import require_mysql, require_programs
from tests.proxy import Proxy


@dataclass(kw_only=True)
class Production(PayingStack):
    """The whole stack: nginx, two web and two application servers, a database, Redis."""

    database: DatabaseServer


@pytest.fixture(scope="package")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    """The whole stack on MariaDB, supervised, with users who pay. Tests leave it repaired."""
    require_programs("mariadbd", "redis-server", "nginx")
    folder = tmp_path_factory.mktemp("production")
    yield from _produce(folder, MariaDB(folder / "mariadb"))


@pytest.fixture(scope="package")
def production_on_mysql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    """The same on MySQL."""
    require_programs("redis-server", "nginx")
    require_mysql()
    folder = tmp_path_factory.mktemp("production")
    yield from _produce(folder, MySQL(folder / "mysql"))


def _produce(folder: Path, database: DatabaseServer) -> Iterator[Production]:
    settings = {"LOG_FORMAT": "json", "LOG_LEVEL": "debug"}
    with Topology(folder, database=database, supervised=True, settings=settings) as topology:
        payers = settle(topology.nginx.port, topology.settings["JWT_KEYS"], "user")
        yield Production(payers=payers, database_url=database.url, topology=topology, database=database)


@dataclass(kw_only=True)
class Proxied(PayingStack):
    """One web and two application servers whose way to the database can be broken."""

    proxy: Proxy
    database: DatabaseServer


@pytest.fixture
def proxied(proxied_stack: Proxied) -> Iterator[Proxied]:
    """The stack behind the proxy; whatever a test broke there and left broken is healed after it."""
    yield proxied_stack
    proxied_stack.proxy.restore()


@pytest.fixture(scope="package", params=["mariadb", "mysql"])
def proxied_stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    """A stack that reaches a database server through a proxy, and users who pay. Each engine in turn."""
    folder = tmp_path_factory.mktemp("proxied")
    database: DatabaseServer
    if request.param == "mysql":
        require_programs("redis-server")
        require_mysql()
        # The proxy reads along.
        database, options = MySQL(folder / "mysql"), "&ssl_disabled=1"
    else:
        require_programs("mariadbd", "redis-server")
        database, options = MariaDB(folder / "mariadb", options={"innodb_snapshot_isolation": "ON"}), ""
    with database, Proxy(database.port) as proxy:
        url = database.url.replace(f":{database.port}/", f":{proxy.port}/") + options
        with Topology(folder, web=1, app=2, nginx=False, database=url, supervised=True) as topology:
            payers = settle(topology.webs[0].port, topology.settings["JWT_KEYS"], "user")
            yield Proxied(payers=payers, database_url=database.url, topology=topology, proxy=proxy, database=database)
