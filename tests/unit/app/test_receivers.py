"""Magic receivers: made when they are first named."""

from collections.abc import Callable
from typing import Any, cast

import pytest

from shillings.app.accounts import Accounts
from shillings.auth.passwords import Passwords
from shillings.base.batching import Batcher, Execute, Item, Result
from shillings.storage.accounts import NewUser
from shillings.storage.executor import Executor
from tests.values import ENVIRONMENT

EMAIL = "fault+decline@shillings.test"


class Identity:
    """Stands in for the executor of users; another epoch may begin while it works."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.meanwhile: Callable[[], None] = lambda: None

    async def run(self, work: Callable[[Any], Any]) -> Any:
        """Store a user."""
        result = work(self)
        self.meanwhile()
        return result


@pytest.fixture
def identity(monkeypatch: pytest.MonkeyPatch) -> Identity:
    """An executor, and the statement made to use it."""

    def add_user(identity: Identity, user: NewUser) -> None:
        identity.made.append(user.email)

    monkeypatch.setattr("shillings.app.accounts.stored.add_user", add_user)
    return Identity()


def make_batcher(
    name: str, execute: Execute[Item, Result], *, batch_items_max: int | None = None, batches_in_flight_max: int = 1
) -> Batcher[Item, Result]:
    """A batcher with bounds that no test meets."""
    return Batcher(execute, batch_items_max=64, queue_items_max=64, batches_in_flight_max=batches_in_flight_max)


def accounts_on(identity: Identity) -> Accounts:
    """The accounts of one application server."""
    executor = cast(Executor, identity)
    return Accounts(
        passwords=cast(Passwords, None),
        identity=executor,
        reads=executor,
        environment=ENVIRONMENT,
        make_batcher=make_batcher,
        currency="EUR",
    )


async def test_receiver_is_made_once_in_each_epoch(identity: Identity) -> None:
    """Who is there is not made again, until the books are other ones."""
    accounts = accounts_on(identity)
    for _ in range(2):
        await accounts.make_receiver(EMAIL)
    assert identity.made == [EMAIL]
    accounts.forget_receivers()
    await accounts.make_receiver(EMAIL)

    assert identity.made == [EMAIL] * 2


async def test_receiver_made_while_another_epoch_begins_is_made_again(identity: Identity) -> None:
    """A receiver who was stored in the books of before is not taken to be in the new ones."""
    accounts = accounts_on(identity)
    identity.meanwhile = accounts.forget_receivers
    await accounts.make_receiver(EMAIL)
    await accounts.make_receiver(EMAIL)

    assert identity.made == [EMAIL] * 2
