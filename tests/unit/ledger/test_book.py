"""The book: the only place where a balance changes."""

import pytest

from shillings.base.money import BALANCE_MINOR_MAX
from shillings.ledger.operation import fingerprint
from shillings.ledger.rows import FUNDING, HOLDING, EntryRow, Kind, TransactionRow, Wallet
from tests.unit.ledger.operations import ANN, BOB, EMAILS, book

ID = b"i" * 16
PAID = TransactionRow(ID, Kind.PAYMENT, ANN, EMAILS[ANN], BOB, EMAILS[BOB], 10)


@pytest.mark.parametrize("legs", [[10], [-10, 11], [-10, -1, 10], [0, 1]])
def test_legs_sum_to_zero(legs: list[int]) -> None:
    """A transaction that would make or lose money is a bug, and ends the batch."""
    page = book({ANN: 100, BOB: 100})
    with pytest.raises(AssertionError, match="sum to zero"):
        page.post(PAID, *zip((ANN, BOB, ANN), legs, strict=False))

    assert page.rows[TransactionRow] == []


@pytest.mark.parametrize("balances", [(9, 0), (10, BALANCE_MINOR_MAX - 9)])
def test_balance_stays_in_its_bounds(balances: tuple[int, int]) -> None:
    """What would make a balance negative or too large is a bug, whatever operation asks for it."""
    with pytest.raises(AssertionError, match="left its bounds"):
        book(dict(zip((ANN, BOB), balances, strict=True))).post(PAID, (ANN, -10), (BOB, 10))


def test_posting_writes_a_transaction_its_entries_and_each_wallet_once() -> None:
    """Entries are numbered in their account and carry the balance after them; a wallet is written once."""
    page = book({ANN: 100, BOB: 0})
    for _ in range(2):
        page.post(PAID, (ANN, -10), (BOB, 10))

    assert page.rows[TransactionRow] == [PAID, PAID]
    assert page.rows[EntryRow] == [
        (ANN, 1, ID, -10, 90),
        (BOB, 1, ID, 10, 10),
        (ANN, 2, ID, -10, 80),
        (BOB, 2, ID, 10, 20),
    ]
    assert page.rows[Wallet] == list(page.accounts.values())
    assert [(one.balance_minor, one.entry_count) for one in page.rows[Wallet]] == [(80, 2), (20, 2)]


@pytest.mark.parametrize("account", [FUNDING, HOLDING])
def test_derived_accounts_have_no_row(account: bytes) -> None:
    """The side of an account that is derived is not written; it counts in the sum all the same."""
    page = book({ANN: 0})
    page.post(PAID, (account, -10), (ANN, 10))

    assert page.rows[EntryRow] == [(ANN, 1, ID, 10, 10)]
    with pytest.raises(AssertionError, match="sum to zero"):
        page.post(PAID, (account, -9), (ANN, 10))


def test_wallet_that_is_not_locked_cannot_change() -> None:
    """Only accounts that were locked are in the book."""
    with pytest.raises(KeyError):
        book({ANN: 10}).post(PAID, (ANN, -10), (BOB, 10))


def test_fingerprints_of_different_requests_differ() -> None:
    """Fields cannot be shifted into each other; equal fields give equal fingerprints of 16 bytes."""
    told_apart = [("a", "b"), ("a\nb",), ("a\\nb",), ("a\\", "nb"), ("a", "", "b"), ("ab",), ("a", "b", 1), ("a", "b1")]

    assert len({fingerprint(*fields) for fields in told_apart}) == len(told_apart)
    assert fingerprint("payment", "bob@example.com", 5) == fingerprint("payment", "bob@example.com", 5)
    assert len(fingerprint()) == 16


def test_fingerprint_is_what_earlier_versions_stored() -> None:
    """A key kept before an upgrade still knows its request afterwards."""
    assert fingerprint("payment", "bob@example.com", 1250).hex() == "74f860065fe3d7b52f832a7a88c24e1d"


def test_fingerprints_are_the_same_in_every_version() -> None:
    """They are stored with keys, so whoever retries after an upgrade is still known."""
    assert fingerprint("payment", "a\\b\nc", 5).hex() == "d406faf768c2567e774c9bf8fceaaa1a"
