"""A crowd of users on a service whose processes are killed."""

from collections.abc import Iterator

import pytest
import uvloop

from tests.figures import pytest_terminal_summary  # noqa: F401 - a hook, which pytest looks for here
from tests.load import Crowd, Town
from tests.service import Service

JWT_KEY = "9b2e64d07fa1c3589b2e64d07fa1c358"
USERS = 50
TOPUP_MINOR = 10_000


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Fifty users with 100.00 each."""
    with Service(tmp_path_factory.mktemp("town"), SHILLINGS_JWT_KEYS=JWT_KEY) as service:
        crowd = Crowd(service.port, [f"user{number}" for number in range(USERS)], JWT_KEY)
        uvloop.run(crowd.join(TOPUP_MINOR))
        yield Town(service, crowd)
