"""Users who pay on a service whose processes are killed."""

import time
from collections.abc import Iterator

import pytest
import uvloop

from tests.figures import pytest_terminal_summary  # noqa: F401 - a hook, which pytest looks for here
from tests.frames import Peer
from tests.load import LoadedService, payers_on
from tests.service import AppServer, Service

JWT_KEY = "9b2e64d07fa1c3589b2e64d07fa1c358"
USERS = 50
TOPUP_MINOR = 10_000


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoadedService]:
    """Fifty users with 100.00 each."""
    with Service(tmp_path_factory.mktemp("loaded"), SHILLINGS_JWT_KEYS=JWT_KEY) as service:
        payers = payers_on(service.port, [f"user{number}" for number in range(USERS)], JWT_KEY)
        uvloop.run(payers.join(TOPUP_MINOR))
        yield LoadedService(service, payers)


@pytest.fixture(scope="session")
def app_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    """An application server whose port anybody may send anything to."""
    with AppServer(tmp_path_factory.mktemp("app")) as running:
        yield running


@pytest.fixture(scope="session", autouse=True)
def half_a_frame(app_server: AppServer) -> Iterator[tuple[Peer, float]]:
    """A connection with half a frame on it, and when that was sent: other tests go on while it is silent."""
    with Peer(app_server.port) as peer:
        peer.send_bytes(b"\0\0\0\x64half")
        yield peer, time.monotonic()
