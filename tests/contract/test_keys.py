"""How idempotency keys behave is what the ledger was told; and looking one up, without the ledger."""

from datetime import timedelta

from shillings.ledger.operation import Decision, Operation
from shillings.ledger.outcomes import Outcome
from shillings.sandbox.idempotency import PRESETS
from shillings.storage.keys import key_is_used
from shillings.storage.ledger import Ledger
from tests.contract.bank import MOMENT, Bank, payment, topup


def test_key_is_used_for_as_long_as_the_ledger_says_so(bank: Bank) -> None:
    """A key holds through the very end of its lifetime; it is its user's alone, and no other key."""
    ann, bob = bank.user(), bank.user()
    bank.execute([topup(ann, 1, "key")], lambda: MOMENT)

    assert key_is_used(bank.connection, ann.user_id, "key", MOMENT)
    assert not key_is_used(bank.connection, ann.user_id, "key", MOMENT + timedelta(microseconds=1))
    assert not key_is_used(bank.connection, ann.user_id, "Key", MOMENT)
    assert not key_is_used(bank.connection, bob.user_id, "key", MOMENT)


async def test_keys_behave_as_the_ledger_was_last_told(bank: Bank) -> None:
    """Whether a refusal is kept under its key, and for how long a key lives, is what holds when a batch begins."""
    ann, bob = bank.user(5), bank.user()
    executor, now = bank.executor(), [MOMENT]
    ledger = Ledger(executor, lambda: now[0])

    async def execute(operation: Operation) -> tuple[Outcome, bool]:
        [found] = await ledger.execute(lambda: [operation])
        assert isinstance(found, Decision)
        return found.outcome, found.replayed

    short, ok = Outcome.INSUFFICIENT_FUNDS, Outcome.OK
    assert [await execute(payment(ann, bob, 10, "kept")) for _ in range(2)] == [(short, False), (short, True)]
    ledger.keys = PRESETS["forgetful"]
    assert [await execute(payment(ann, bob, 10, "forgotten")) for _ in range(2)] == [(short, False)] * 2
    await execute(topup(ann, 20))
    assert [await execute(payment(ann, bob, 10, "forgotten")) for _ in range(2)] == [(ok, False), (ok, True)]
    now[0] += timedelta(hours=1, microseconds=1)
    ledger.keys = PRESETS["shillings"]
    assert await execute(payment(ann, bob, 10, "forgotten")) == (ok, True)
    ledger.keys = PRESETS["forgetful"]
    assert await execute(payment(ann, bob, 10, "forgotten")) == (ok, False)
    await executor.close()

    assert (bank.balance(ann), bank.balance(bob)) == (5, 20)
