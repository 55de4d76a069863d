"""Production stacks for the fault tests. Servers that die are started again, as a container's restart policy does."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from deploy.local.mariadb import MariaDB
from deploy.local.topology import Topology
from tests.figures import pytest_terminal_summary  # noqa: F401 - shown at the end of the run
from tests.production.stand import Stand, settle
from tests.programs import require_programs
from tests.proxy import Proxy


class Production(Stand):
    """The whole stack: nginx, two web and two application servers, MariaDB, Redis."""


@pytest.fixture(scope="package")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    """The whole stack, supervised, with a crowd on it. Tests leave it healed."""
    require_programs("mariadbd", "redis-server", "nginx")
    settings = {"LOG_FORMAT": "json", "LOG_LEVEL": "debug"}
    with Topology(tmp_path_factory.mktemp("production"), supervised=True, settings=settings) as topology:
        crowd = settle(topology.nginx.port, topology.settings["JWT_KEYS"], "user")
        yield Production(crowd=crowd, database_url=topology.mariadb.url, topology=topology)


@dataclass(kw_only=True)
class Proxied(Stand):
    """One web and two application servers whose way to the database can be broken."""

    proxy: Proxy
    mariadb: MariaDB


@pytest.fixture
def proxied(proxied_stand: Proxied) -> Iterator[Proxied]:
    """The stack behind the proxy; whatever a test broke there and left broken is healed after it."""
    yield proxied_stand
    proxied_stand.proxy.restore()


@pytest.fixture(scope="package")
def proxied_stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    """A stack that reaches a MariaDB with snapshot isolation through a proxy, and a crowd."""
    require_programs("mariadbd", "redis-server")
    folder = tmp_path_factory.mktemp("proxied")
    options = {"innodb_snapshot_isolation": "ON"}
    with MariaDB(tmp_path_factory.mktemp("database"), options=options) as mariadb, Proxy(mariadb.port) as proxy:
        url = mariadb.url.replace(f":{mariadb.port}/", f":{proxy.port}/")
        with Topology(folder, web=1, app=2, nginx=False, database=url, supervised=True) as topology:
            crowd = settle(topology.webs[0].port, topology.settings["JWT_KEYS"], "user")
            yield Proxied(crowd=crowd, database_url=mariadb.url, topology=topology, proxy=proxy, mariadb=mariadb)
