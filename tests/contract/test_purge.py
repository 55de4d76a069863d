"""What has outlived its use goes, and nothing else does."""

from datetime import timedelta

from shillings import ids
from shillings.storage import purge as purge_module
from shillings.storage.purge import purge
from shillings.storage.sessions import revoke
from tests.contract.bank import MOMENT, Bank, topup

DAY_LATER = MOMENT + timedelta(hours=24)


def keys(bank: Bank) -> list[str]:
    """The keys that are kept."""
    return sorted(row[0] for row in bank.rows("SELECT idempotency_key FROM idempotency_keys"))


def test_keys_go_after_a_day(bank: Bank) -> None:
    """A key is kept for 24 hours exactly; the money it moved stays for ever."""
    ann = bank.user()
    bank.carry_out([topup(ann, 1, "old")], lambda: MOMENT)
    bank.carry_out([topup(ann, 1, "young")], lambda: MOMENT + timedelta(hours=1))

    assert (purge(bank.session, DAY_LATER), keys(bank)) == (0, ["old", "young"])
    assert (purge(bank.session, DAY_LATER + timedelta(microseconds=1)), keys(bank)) == (1, ["young"])
    assert (purge(bank.session, DAY_LATER + timedelta(hours=2)), keys(bank)) == (1, [])
    assert bank.balance(ann) == 2
    assert bank.ledger()


def test_revocations_go_with_their_tokens(bank: Bank) -> None:
    """A revocation is kept until its token has expired by itself."""
    for hours in (1, 2):
        revoke(bank.session, ids.new_id(), MOMENT + timedelta(hours=hours))

    assert purge(bank.session, MOMENT + timedelta(hours=1)) == 0
    assert purge(bank.session, MOMENT + timedelta(hours=1, microseconds=1)) == 1
    assert purge(bank.session, MOMENT + timedelta(hours=3)) == 1
    assert purge(bank.session, MOMENT + timedelta(hours=3)) == 0


def test_much_goes_piece_by_piece(bank: Bank) -> None:
    """One visit removes a bounded number of rows; what is left goes with the next."""
    ann = bank.user()
    many = purge_module.ROWS_MAX + 100
    for first in range(0, many, 200):
        bank.carry_out([topup(ann, 1, f"k{first + number}") for number in range(200)], lambda: MOMENT)
    later = DAY_LATER + timedelta(days=1)
    gone: list[int] = []
    while not gone or gone[-1]:
        gone.append(purge(bank.session, later))

    assert gone == [purge_module.ROWS_MAX, 100, 0]
