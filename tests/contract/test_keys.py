"""Looking an idempotency key up, without the ledger."""

from datetime import timedelta

from shillings.storage.keys import key_is_used
from tests.contract.bank import MOMENT, Bank, topup


def test_key_is_used_for_as_long_as_the_ledger_says_so(bank: Bank) -> None:
    """A key holds through the very end of its lifetime; it is its user's alone, and no other key."""
    ann, bob = bank.user(), bank.user()
    bank.execute([topup(ann, 1, "key")], lambda: MOMENT)

    assert key_is_used(bank.connection, ann.user_id, "key", MOMENT)
    assert not key_is_used(bank.connection, ann.user_id, "key", MOMENT + timedelta(microseconds=1))
    assert not key_is_used(bank.connection, ann.user_id, "Key", MOMENT)
    assert not key_is_used(bank.connection, bob.user_id, "key", MOMENT)
