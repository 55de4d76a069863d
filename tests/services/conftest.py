"""A service, and nginx with the configuration of production before it."""

from collections.abc import Iterator

import pytest

from deploy.local.nginx import Nginx
from tests.figures import pytest_terminal_summary  # noqa: F401 - a hook, which pytest looks for here
from tests.programs import require_programs
from tests.service import Service


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with a sandbox."""
    require_programs("nginx")
    with Service(tmp_path_factory.mktemp("service"), "--web-workers", "2") as running:
        yield running


@pytest.fixture(scope="session")
def entrance(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """The real nginx, in front of it."""
    server = Nginx(tmp_path_factory.mktemp("nginx"), [f"127.0.0.1:{service.port}"])
    server.start()
    yield server
    server.stop()
