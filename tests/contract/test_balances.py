"""Balances are read from the database, by every request that shows one."""

import time
from contextlib import AsyncExitStack

from shillings.app.accounts import Accounts
from shillings.app.call import SignedInCall
from shillings.auth.passwords import Passwords
from shillings.auth.tokens import Claims
from shillings.base.batching import Batcher, Execute, Item, Result
from shillings.contract.shillings_pb2 import AccountAnswer, AccountRequest
from shillings.storage.executor import Executor
from shillings.storage.sessions import Profile
from tests.contract.bank import TOKEN, Bank, Somebody, payment, topup
from tests.values import fixed_environment


def _make_batcher(
    name: str, execute: Execute[Item, Result], *, batch_items_max: int | None = None, batches_in_flight_max: int = 1
) -> Batcher[Item, Result]:
    return Batcher(execute, batch_items_max=64, queue_items_max=64)


class Server:
    """One application server's accounts."""

    def __init__(self, reads: Executor) -> None:
        self.accounts = Accounts(
            passwords=Passwords(1),
            identity=reads,
            reads=reads,
            environment=fixed_environment(),
            make_batcher=_make_batcher,
            currency="USD",
        )

    async def balance(self, user: Somebody) -> int:
        """What somebody is told when asking for the account."""
        claims = Claims(user.user_id, TOKEN, 1)
        profile = Profile(user.user_id, "Ann", "", "Lee", user.email, "", "2026-01-02T03:04:05.000006Z")
        call = SignedInCall("r1", time.monotonic() + 10, "", claims, profile)
        answer = (await self.accounts.read(call, AccountRequest())).answer
        assert isinstance(answer, AccountAnswer)
        return answer.balance_minor


async def test_balance_is_read_from_the_database_every_time(bank: Bank) -> None:
    """Whatever moves the money and whoever was asked before: both servers tell each new balance at once."""
    ann, bob = bank.user(100), bank.user()
    async with AsyncExitStack() as stack:
        executors = [bank.executor() for _ in range(2)]
        for executor in executors:
            stack.push_async_callback(executor.close)
        servers = [Server(executor) for executor in executors]
        for step in range(1, 6):
            bank.execute([payment(ann, bob, 10), topup(bob, 1)])
            for server in servers:
                assert (await server.balance(ann), await server.balance(bob)) == (100 - 10 * step, 11 * step)


def test_what_is_kept_of_a_user_has_no_balance() -> None:
    """What the cache and the processes keep of a session is who the user is; no field of it changes with money."""
    assert Profile._fields == ("user_id", "first_name", "middle_name", "last_name", "email", "phone", "created_at")
