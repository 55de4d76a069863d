"""The pytest plugin. It costs a test run that does not use it nothing but this import."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from shillings.testing.server import ShillingsServer


@pytest.fixture(scope="session")
def shillings_server() -> "Iterator[ShillingsServer]":
    """One Shillings for all tests of a run, with data of its own that are removed at the end."""
    from shillings.testing.server import ShillingsServer

    with ShillingsServer() as server:
        yield server
