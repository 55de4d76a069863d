"""The checker of invariants is worth something: each violation, planted in a small ledger, is seen."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.invariants import Acknowledged, Auditor, disagreements, violations, wrong_totals

ANN, BOB, EVE = (bytes([number]) * 16 for number in (1, 2, 3))
TOPUP, PAID, PAID_BACK, MADE_UP = (bytes([number]) * 16 for number in (11, 12, 13, 14))
NOBODY = bytes(16)

SCHEMA = """
CREATE TABLE users (user_id BLOB PRIMARY KEY, email TEXT, balance INTEGER, entry_count INTEGER);
CREATE TABLE transactions (transaction_id BLOB PRIMARY KEY, kind TEXT, sender_id BLOB, sender_email TEXT,
    receiver_id BLOB, receiver_email TEXT, amount INTEGER);
CREATE TABLE entries (account_id BLOB, seq INTEGER, transaction_id BLOB, amount INTEGER, balance INTEGER,
    PRIMARY KEY (account_id, seq));
CREATE TABLE idempotency_keys (user_id BLOB, idempotency_key TEXT, outcome TEXT, transaction_id BLOB,
    PRIMARY KEY (user_id, idempotency_key));
"""
TOLD = [
    Acknowledged(TOPUP, "topup", "", "ann@example.com", 1000, 1.0, 2.0),
    Acknowledged(PAID, "payment", "ann@example.com", "bob@example.com", 300, 3.0, 4.0),
    Acknowledged(PAID_BACK, "payment", "bob@example.com", "ann@example.com", 100, 5.0, 6.0),
]


def ident(value: bytes) -> str:
    """An id as SQL."""
    return f"x'{value.hex()}'"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Ann topped up 10.00 and paid Bob 3.00, who paid 1.00 back; Eve did nothing. All is well."""
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as connection:
        connection.executescript(SCHEMA)
        connection.executemany(
            "INSERT INTO users VALUES (?, ?, ?, ?)",
            [(ANN, "ann@example.com", 800, 3), (BOB, "bob@example.com", 200, 2), (EVE, "eve@example.com", 0, 0)],
        )
        connection.executemany(
            "INSERT INTO transactions VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (TOPUP, "topup", NOBODY, "", ANN, "ann@example.com", 1000),
                (PAID, "payment", ANN, "ann@example.com", BOB, "bob@example.com", 300),
                (PAID_BACK, "payment", BOB, "bob@example.com", ANN, "ann@example.com", 100),
            ],
        )
        connection.executemany(
            "INSERT INTO entries VALUES (?, ?, ?, ?, ?)",
            [
                (ANN, 1, TOPUP, 1000, 1000),
                (ANN, 2, PAID, -300, 700),
                (BOB, 1, PAID, 300, 300),
                (BOB, 2, PAID_BACK, -100, 200),
                (ANN, 3, PAID_BACK, 100, 800),
            ],
        )
        connection.executemany(
            "INSERT INTO idempotency_keys VALUES (?, ?, ?, ?)",
            [(ANN, "k1", "ok", PAID), (BOB, "k1", "ok", PAID_BACK), (BOB, "k2", "insufficient_funds", NOBODY)],
        )
        yield connection


@pytest.fixture
def auditor(database: sqlite3.Connection, tmp_path: Path) -> Iterator[Auditor]:
    """Who looks at it."""
    with Auditor(f"sqlite:///{tmp_path / 'ledger.db'}") as made:
        yield made


def found(auditor: Auditor, told: list[Acknowledged] | None = None) -> list[str]:
    """Everything the checker has to say."""
    ledger = auditor.read_ledger()
    return wrong_totals(auditor.totals()) + violations(ledger) + disagreements(ledger, TOLD if told is None else told)


def test_sound_ledger_is_found_sound(auditor: Auditor) -> None:
    """The checker has nothing to say about a ledger in which nothing is wrong."""
    assert found(auditor) == []


@pytest.mark.parametrize(("plant", "sentence"), [
    ("UPDATE users SET balance = 801 WHERE user_id = {ann}", "money is not conserved"),
    ("UPDATE users SET balance = 801 WHERE user_id = {ann}", "the balance is 801, the entries sum to 800"),
    ("UPDATE users SET balance = 799 WHERE user_id = {ann}", "money is not conserved"),
    ("UPDATE users SET balance = balance + 10 * ((user_id = {ann}) - (user_id = {bob}))", "the entries sum to"),
    ("UPDATE users SET balance = -1 WHERE user_id = {eve}", "a balance is negative"),
    ("UPDATE entries SET balance = -1 WHERE account_id = {bob} AND seq = 1", "a balance is negative"),
    ("UPDATE users SET entry_count = 4 WHERE user_id = {ann}", "entry_count is 4, there are 3 entries"),
    ("UPDATE entries SET seq = 4 WHERE account_id = {ann} AND seq = 3", "not numbered without a gap at 3"),
    ("UPDATE entries SET seq = 0 WHERE account_id = {bob} AND seq = 1", "not numbered without a gap at 1"),
    ("DELETE FROM entries WHERE account_id = {ann} AND seq = 1", "not numbered without a gap at 1"),
    ("UPDATE entries SET balance = 701 WHERE account_id = {ann} AND seq = 2", "entry 2 says 701, its running"),
    ("UPDATE entries SET amount = -299 WHERE account_id = {ann} AND seq = 2", "its entries are not its two sides"),
    ("UPDATE entries SET amount = -299 WHERE account_id = {ann} AND seq = 2", "entries sum to 1001"),
    ("UPDATE entries SET account_id = {eve} WHERE account_id = {bob}", "its entries are not its two sides"),
    ("DELETE FROM entries WHERE transaction_id = {paid_back}", "there are 3 entries; the transactions call for 5"),
    ("DELETE FROM entries WHERE transaction_id = {paid_back}", "its entries are not its two sides"),
    ("INSERT INTO entries VALUES ({eve}, 1, {made_up}, 5, 5)", "has entries and is no transaction"),
    ("INSERT INTO entries VALUES ({eve}, 1, {paid}, 300, 300)", "its entries are not its two sides"),
    ("INSERT INTO entries VALUES ({made_up}, 1, {paid}, 300, 300)", "has entries and is no user"),
    ("DELETE FROM users WHERE user_id = {bob}", "has entries and is no user"),
    ("DELETE FROM transactions WHERE transaction_id = {paid}", "has entries and is no transaction"),
    ("DELETE FROM transactions WHERE transaction_id = {paid}", "was acknowledged and is lost"),
    ("DELETE FROM transactions WHERE transaction_id = {topup}", "0 was topped up"),
    ("UPDATE transactions SET amount = 301 WHERE transaction_id = {paid}", "was acknowledged as"),
    ("UPDATE transactions SET amount = 301 WHERE transaction_id = {paid}", "its entries are not its two sides"),
    ("UPDATE transactions SET amount = 0 WHERE transaction_id = {paid}", "it moves nothing"),
    ("UPDATE transactions SET receiver_id = sender_id WHERE transaction_id = {paid}", "it moves nothing"),
    ("UPDATE transactions SET receiver_email = 'eve@example.com' WHERE transaction_id = {paid}", "emails are not its"),
    ("UPDATE transactions SET sender_email = 'eve@example.com' WHERE transaction_id = {paid}", "was acknowledged as"),
    ("UPDATE transactions SET kind = 'gift' WHERE transaction_id = {paid}", "neither a payment nor a top-up"),
    ("UPDATE transactions SET kind = 'topup' WHERE transaction_id = {paid}", "neither a payment nor a top-up"),
    ("UPDATE transactions SET sender_id = {nobody} WHERE transaction_id = {paid}", "neither a payment nor a top-up"),
    ("UPDATE idempotency_keys SET transaction_id = {made_up} WHERE idempotency_key = 'k1'", "that is not there"),
    ("UPDATE idempotency_keys SET transaction_id = {paid_back} WHERE user_id = {ann}", "somebody else's transaction"),
    ("INSERT INTO idempotency_keys VALUES ({ann}, 'k9', 'ok', {paid})", "a transaction that has another key"),
    ("UPDATE idempotency_keys SET transaction_id = {paid} WHERE idempotency_key = 'k2'", "was refused and names"),
])  # fmt: skip
def test_planted_violation_is_seen(database: sqlite3.Connection, auditor: Auditor, plant: str, sentence: str) -> None:
    """A ledger that was tampered with in one statement is found wrong, in words that say how."""
    ids = {"ann": ANN, "bob": BOB, "eve": EVE, "topup": TOPUP, "paid": PAID, "paid_back": PAID_BACK, "made_up": MADE_UP}
    done = database.execute(plant.format(nobody=ident(NOBODY), **{name: ident(value) for name, value in ids.items()}))
    assert done.rowcount > 0

    assert any(sentence in said for said in found(auditor)), found(auditor)


@pytest.mark.parametrize(("told", "sentence"), [
    ([*TOLD, Acknowledged(MADE_UP, "topup", "", "eve@example.com", 1)], "was acknowledged and is lost"),
    ([*TOLD, TOLD[1]], "was acknowledged for 2 requests"),
    (TOLD[:2], "moved money and nobody was told"),
    ([TOLD[0], TOLD[1]._replace(amount=30), TOLD[2]], "was acknowledged as"),
    ([TOLD[0], TOLD[1]._replace(receiver_email="eve@example.com"), TOLD[2]], "was acknowledged as"),
    ([TOLD[0], TOLD[1]._replace(sender_email="eve@example.com"), TOLD[2]], "was acknowledged as"),
    ([TOLD[0]._replace(kind="payment"), TOLD[1], TOLD[2]], "was acknowledged as"),
    ([TOLD[0], TOLD[1]._replace(began=5.0, ended=6.0), TOLD[2]._replace(began=3.0, ended=4.0)], "had ended before"),
], ids=["lost", "one for two", "untold", "amount", "receiver", "sender", "kind", "order"])  # fmt: skip
def test_other_story_is_seen(auditor: Auditor, told: list[Acknowledged], sentence: str) -> None:
    """When clients were told something else than the ledger holds, the checker says what."""
    assert any(sentence in said for said in found(auditor, told)), found(auditor, told)


def test_overlapping_requests_may_come_in_any_order(auditor: Auditor) -> None:
    """Two requests that were under way at the same time may stand in either order."""
    told = [TOLD[0], TOLD[1]._replace(began=3.0, ended=6.0), TOLD[2]._replace(began=3.5, ended=4.0)]

    assert found(auditor, told) == []


def test_snapshot_is_of_one_moment(database: sqlite3.Connection, auditor: Auditor, tmp_path: Path) -> None:
    """A payment that is half written when the checker looks is not seen by half."""
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("BEGIN")
    database.execute("UPDATE users SET balance = balance - 50 WHERE email = 'ann@example.com'")

    with Auditor(f"sqlite:///{tmp_path / 'ledger.db'}") as other:
        assert wrong_totals(other.totals()) == []
        assert found(other) == []
    database.execute("ROLLBACK")


def test_checker_cannot_write(auditor: Auditor) -> None:
    """The checker's connection refuses to change what it looks at."""
    with pytest.raises(Exception, match="readonly"):
        auditor._connection.exec_driver_sql("DELETE FROM users")
