"""The statements of a book's rows: each class once, in order, and none that may change too little goes unchecked."""

import pytest

from shillings.ledger.outcomes import Outcome
from shillings.ledger.rows import EntryRow, HoldEnd, HoldStatus, KeyRow, Kind, TransactionRow, Wallet
from shillings.storage.engines import DIALECTS, MYSQL, SQLITE, Dialect
from shillings.storage.ledger_writes import statements
from shillings.storage.sql import Bound

ID, NOW = b"i" * 16, "2026-01-02 03:04:05.000006"
WALLETS = [Wallet(bytes([number]) * 16, "a@example.com", 1, 1) for number in range(3)]
TRANSACTIONS = [TransactionRow(ID, Kind.TOPUP, bytes(16), "", ID, "values (x, y@example.com", 1)] * 2
KEYS = [KeyRow(ID, "key", ID, Outcome.OK, ID, NOW)]
ENDS = [HoldEnd(ID, HoldStatus.VOIDED, 0)]


def test_insert_carries_the_check_of_the_update_before_it() -> None:
    """The first row of the INSERT is none unless the UPDATE changed all its rows; the others are as they were."""
    dialect = MYSQL
    update, insert = statements({Wallet: WALLETS, TransactionRow: TRANSACTIONS}, NOW, dialect)
    identifier = f"x'{ID.hex()}'"

    assert update.startswith("UPDATE users")
    assert f"VALUES (CASE WHEN {dialect.changed} = 3 THEN {identifier} END,'topup'" in insert
    assert insert.count("CASE") == 1
    assert f",({identifier},'topup'" in insert


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_update_without_an_insert_behind_it_is_checked_by_a_statement(dialect: Dialect) -> None:
    """Where nothing is inserted behind an UPDATE, the check is a statement of its own."""
    update, check = statements({HoldEnd: ENDS}, NOW, dialect)

    assert update.startswith("UPDATE holds")
    assert check == dialect.require(f"{dialect.changed} = 1")


def test_sqlite_takes_rows_beside_the_statement() -> None:
    """The largest classes have one text, whatever is in their rows, and a row of values for each of theirs."""
    update, insert = statements({Wallet: WALLETS, TransactionRow: TRANSACTIONS}, NOW, SQLITE)
    again = statements({Wallet: WALLETS[:1], TransactionRow: TRANSACTIONS[:1]}, "2026-01-03", SQLITE)

    assert isinstance(update, Bound)
    assert isinstance(insert, Bound)
    assert [update, insert] == again
    assert update.rows == [(1, 1, NOW, wallet.user_id) for wallet in WALLETS]
    assert insert.rows == [(*transaction, NOW) for transaction in TRANSACTIONS]


def test_update_before_rows_that_are_bound_is_checked_by_a_statement() -> None:
    """What must have changed is asked before rows that cannot carry the question."""
    update, check, insert = statements({HoldEnd: ENDS, KeyRow: KEYS}, NOW, SQLITE)

    assert update.startswith("UPDATE holds")
    assert check == SQLITE.require(f"{SQLITE.changed} = 1")
    assert isinstance(insert, Bound)


def test_no_rows_are_no_statements() -> None:
    """A batch that writes nothing sends nothing."""
    assert statements({}, NOW, MYSQL) == []
    assert statements({EntryRow: []}, NOW, MYSQL) == []


def test_rows_that_nothing_writes_are_a_bug() -> None:
    """A class of rows without a statement is not left out in silence."""
    with pytest.raises(KeyError):
        statements({str: ["x"]}, NOW, MYSQL)
