"""A running service that the read-mostly tests share; tests that stop or kill one start their own."""

from collections.abc import Iterator
from itertools import count

import pytest

from tests.figures import pytest_terminal_summary  # noqa: F401 - a hook, which pytest looks for here
from tests.service import Client, Service, User, new_token

JWT_KEY = "f4c1a90b7d3e8562f4c1a90b7d3e8562"

_numbers = count(1)


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that nobody stops. It has no rate limits: tests log in wrongly as often as they need."""
    folder = tmp_path_factory.mktemp("service")
    with Service(folder, SHILLINGS_JWT_KEYS=JWT_KEY, SHILLINGS_RATE_LIMITS="0") as running:
        yield running


@pytest.fixture(scope="session")
def jwt_key() -> str:
    """The secret the shared service signs tokens with."""
    return JWT_KEY


@pytest.fixture
def client(service: Service) -> Iterator[Client]:
    """A client of the shared service."""
    with service.client() as made:
        yield made


@pytest.fixture(scope="session")
def session_client(service: Service) -> Iterator[Client]:
    """A client of the shared service for the users that tests share."""
    with service.client() as made:
        yield made


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"user-{next(_numbers)}"


@pytest.fixture
def ann(client: Client, name: str) -> User:
    """Somebody new with 100.00."""
    user = sign_up(client, f"ann-{name}@example.com")
    assert user.top_up("100.00").outcome == (200, "ok")
    return user


@pytest.fixture
def bob(client: Client, name: str) -> User:
    """Somebody new with nothing."""
    return sign_up(client, f"bob-{name}@example.com")


def sign_up(client: Client, email: str) -> User:
    """Sign somebody up; the session is opened with the service's key and not by logging in, to spare the hashing."""
    return User(client, email, new_token(client.sign_up(email).body["user_id"], JWT_KEY))


@pytest.fixture(scope="session")
def carol(session_client: Client) -> User:
    """Somebody with 100.00 whom tests share that must change nothing."""
    return session_client.new_user("carol", "100.00")


@pytest.fixture(scope="session")
def dave(session_client: Client) -> User:
    """Somebody with 5.00 whom tests share that must change nothing."""
    return session_client.new_user("dave", "5.00")
