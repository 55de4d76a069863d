"""The auditor is worth something: each violation, planted in a small ledger on each engine, is seen."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from shillings.audit.acknowledged import Acknowledged
from shillings.audit.auditor import Auditor, LedgerWrong
from shillings.audit.checks import Depth
from shillings.audit.findings import FINDINGS_MAX
from shillings.audit.totals import wrong_totals

ANN, BOB, EVE = (bytes([number]) * 16 for number in (1, 2, 3))
TOPUP, PAID, PAID_BACK, MADE_UP = (bytes([number]) * 16 for number in (11, 12, 13, 14))
NOBODY = bytes(16)

# The columns an auditor reads, and none of the constraints that would keep a violation out.
SCHEMA = {
    "users": "user_id BINARY(16), email VARCHAR(254), balance BIGINT, entry_count BIGINT",
    "emails": "email VARCHAR(254), user_id BINARY(16)",
    "transactions": (
        "transaction_id BINARY(16), kind VARCHAR(16), sender_id BINARY(16), sender_email VARCHAR(254),"
        " receiver_id BINARY(16), receiver_email VARCHAR(254), amount BIGINT"
    ),
    "entries": "account_id BINARY(16), seq BIGINT, transaction_id BINARY(16), amount BIGINT, balance BIGINT",
    "idempotency_keys": (
        "user_id BINARY(16), idempotency_key VARCHAR(255), outcome VARCHAR(32), transaction_id BINARY(16)"
    ),
    "holds": (
        "hold_id BINARY(16), payer_id BINARY(16), receiver_id BINARY(16), amount BIGINT, captured BIGINT,"
        " status VARCHAR(16)"
    ),
    "refunds": "transaction_id BINARY(16), refund_id BINARY(16), amount BIGINT",
    "transits": (
        "transaction_id BINARY(16), sender_id BINARY(16), receiver_id BINARY(16), refunded_id BINARY(16),"
        " amount BIGINT, status VARCHAR(16), final VARCHAR(16)"
    ),
    "debts": "user_id BINARY(16), amount BIGINT",
}
TOLD = [
    Acknowledged(TOPUP, "topup", "", "ann@example.com", 1000, 1.0, 2.0),
    Acknowledged(PAID, "payment", "ann@example.com", "bob@example.com", 300, 3.0, 4.0),
    Acknowledged(PAID_BACK, "payment", "bob@example.com", "ann@example.com", 100, 5.0, 6.0),
]


def literal(value: bytes | str | int) -> str:
    """A value as SQL."""
    return f"x'{value.hex()}'" if isinstance(value, bytes) else repr(value)


LEDGER: dict[str, list[tuple[bytes | str | int, ...]]] = {
    "users": [(ANN, "ann@example.com", 800, 3), (BOB, "bob@example.com", 200, 2), (EVE, "eve@example.com", 0, 0)],
    "emails": [("ann@example.com", ANN), ("bob@example.com", BOB), ("eve@example.com", EVE)],
    "transactions": [
        (TOPUP, "topup", NOBODY, "", ANN, "ann@example.com", 1000),
        (PAID, "payment", ANN, "ann@example.com", BOB, "bob@example.com", 300),
        (PAID_BACK, "payment", BOB, "bob@example.com", ANN, "ann@example.com", 100),
    ],
    "entries": [
        (ANN, 1, TOPUP, 1000, 1000),
        (ANN, 2, PAID, -300, 700),
        (BOB, 1, PAID, 300, 300),
        (BOB, 2, PAID_BACK, -100, 200),
        (ANN, 3, PAID_BACK, 100, 800),
    ],
    "idempotency_keys": [
        (ANN, "k1", "ok", PAID), (BOB, "k1", "ok", PAID_BACK), (BOB, "k2", "insufficient_funds", NOBODY),
    ],
    "holds": [],
    "refunds": [],
    "transits": [],
    "debts": [],
}  # fmt: skip


@pytest.fixture(scope="module")
def tables(empty_url: str) -> Iterator[sa.Connection]:
    """Empty tables on each engine."""
    engine = sa.create_engine(empty_url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            # As the service has it: whoever reads does not wait for whoever writes.
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        for table, columns in SCHEMA.items():
            connection.exec_driver_sql(f"CREATE TABLE {table} ({columns})")
        yield connection
    engine.dispose()


@pytest.fixture
def database(tables: sa.Connection) -> sa.Connection:
    """Ann topped up 10.00 and paid Bob 3.00, who paid 1.00 back; Eve did nothing. All is well."""
    for table, rows in LEDGER.items():
        tables.exec_driver_sql(f"DELETE FROM {table}")
        for row in rows:
            tables.exec_driver_sql(f"INSERT INTO {table} VALUES ({', '.join(map(literal, row))})")
    return tables


@pytest.fixture
def auditor(database: sa.Connection, empty_url: str) -> Iterator[Auditor]:
    """Who audits it."""
    with Auditor(empty_url) as made:
        yield made


def found(auditor: Auditor, told: list[Acknowledged] | None = None) -> list[str]:
    """Every sentence the auditor has to say."""
    return [finding.message for finding in auditor.audit(TOLD if told is None else told).findings]


def test_sound_ledger_is_found_sound(auditor: Auditor) -> None:
    """The auditor has nothing to say about a ledger in which nothing is wrong."""
    assert found(auditor) == []


# Bob refunds 0.30 of what Ann paid; then Ann puts 0.50 on hold for him.
AND_THEN = """
INSERT INTO transactions VALUES ({refund}, 'refund', {bob}, 'bob@example.com', {ann}, 'ann@example.com', 30);
INSERT INTO refunds VALUES ({paid}, {refund}, 30);
INSERT INTO entries VALUES ({bob}, 3, {refund}, -30, 170), ({ann}, 4, {refund}, 30, 830), ({ann}, 5, {hold}, -50, 780);
INSERT INTO transactions VALUES ({hold}, 'hold', {ann}, 'ann@example.com', {bob}, 'bob@example.com', 50);
INSERT INTO holds VALUES ({hold}, {ann}, {bob}, 50, 0, 'open');
UPDATE users SET balance = 780, entry_count = 5 WHERE user_id = {ann};
UPDATE users SET balance = 170, entry_count = 3 WHERE user_id = {bob}
"""
REFUND, HOLD = bytes([15]) * 16, bytes([16]) * 16


def test_refunds_and_holds_are_part_of_a_sound_ledger(database: sa.Connection, auditor: Auditor) -> None:
    """What is on hold is in nobody's wallet and is not missing; a refund is a transaction of its own."""
    ids = {"ann": ANN, "bob": BOB, "paid": PAID, "refund": REFUND, "hold": HOLD}
    for statement in AND_THEN.format(**{name: literal(value) for name, value in ids.items()}).split(";"):
        database.exec_driver_sql(statement)
    told = [
        *TOLD,
        Acknowledged(REFUND, "refund", "bob@example.com", "ann@example.com", 30),
        Acknowledged(HOLD, "hold", "ann@example.com", "bob@example.com", 50),
    ]
    assert found(auditor, told) == []
    database.exec_driver_sql(f"UPDATE users SET balance = 830 WHERE user_id = {literal(ANN)}")

    assert "money is not conserved: 1000 was topped up less 50 on hold, 1000 is there" in found(auditor, told)


# Ann's top-up came back when she had 8.00 of it, and she was lent the rest; 0.60 of that she has repaid since.
AND_BACK = """
INSERT INTO transactions VALUES ({loan}, 'loan', {nobody}, '', {ann}, 'ann@example.com', 200);
INSERT INTO transactions VALUES ({back}, 'return', {ann}, 'ann@example.com', {nobody}, '', 1000);
INSERT INTO transactions VALUES ({again}, 'payment', {bob}, 'bob@example.com', {ann}, 'ann@example.com', 60);
INSERT INTO transactions VALUES ({repaid}, 'repayment', {ann}, 'ann@example.com', {nobody}, '', 60);
INSERT INTO transactions VALUES ({slow}, 'pending_topup', {nobody}, '', {bob}, 'bob@example.com', 70);
INSERT INTO entries VALUES ({ann}, 4, {loan}, 200, 1000), ({ann}, 5, {back}, -1000, 0), ({ann}, 6, {again}, 60, 60),
 ({ann}, 7, {repaid}, -60, 0), ({bob}, 3, {again}, -60, 140), ({bob}, 4, {slow}, 0, 140);
INSERT INTO transits VALUES ({topup}, {nobody}, {ann}, {nobody}, 1000, 'returned', 'returned');
INSERT INTO transits VALUES ({slow}, {nobody}, {bob}, {nobody}, 70, 'pending', 'succeeded');
INSERT INTO debts VALUES ({ann}, 140);
UPDATE users SET balance = 0, entry_count = 7 WHERE user_id = {ann};
UPDATE users SET balance = 140, entry_count = 4 WHERE user_id = {bob}
"""


def test_debts_and_money_on_its_way_are_part_of_a_sound_ledger(database: sa.Connection, auditor: Auditor) -> None:
    """What was lent and what is in transit is accounted for; a debt that says otherwise is seen."""
    names = ("loan", "back", "again", "repaid", "slow")
    ids = {name: bytes([number]) * 16 for number, name in enumerate(names, start=20)}
    ids |= {"ann": ANN, "bob": BOB, "topup": TOPUP, "nobody": NOBODY}
    for statement in AND_BACK.format(**{name: literal(value) for name, value in ids.items()}).split(";"):
        database.exec_driver_sql(statement)
    assert auditor.audit().findings == []
    database.exec_driver_sql("UPDATE debts SET amount = 139")
    assert "owes 139, was lent what comes to 140" in auditor.audit().findings[0].message
    database.exec_driver_sql(f"UPDATE users SET balance = 210 WHERE user_id = {literal(BOB)}")

    said = [finding.message for finding in auditor.audit().findings]
    assert "money is not conserved: 70 was topped up less 70 on its way and 140 lent, 210 is there" in said


@pytest.mark.parametrize(("plant", "sentence"), [
    ("UPDATE users SET balance = 801 WHERE user_id = {ann}", "money is not conserved"),
    ("UPDATE users SET balance = 801 WHERE user_id = {ann}", "the balance is 801, the entries sum to 800"),
    ("UPDATE users SET balance = 799 WHERE user_id = {ann}", "money is not conserved"),
    ("UPDATE users SET balance = balance + 10 * ((user_id = {ann}) - (user_id = {bob}))", "bob@example.com: the b"),
    ("UPDATE users SET balance = -1 WHERE user_id = {eve}", "a balance is negative: -1"),
    ("UPDATE users SET balance = -1 WHERE user_id = {eve}", "eve@example.com: the balance is negative"),
    ("UPDATE entries SET balance = -1 WHERE account_id = {bob} AND seq = 1", "a balance is negative at entry 1: -1"),
    ("UPDATE users SET entry_count = 4 WHERE user_id = {ann}", "entry_count is 4, there are 3 entries"),
    ("UPDATE entries SET seq = 4 WHERE account_id = {ann} AND seq = 3", "3 entries are numbered from 1 to 4"),
    ("UPDATE entries SET seq = 0 WHERE account_id = {bob} AND seq = 1", "2 entries are numbered from 0 to 2"),
    ("DELETE FROM entries WHERE account_id = {ann} AND seq = 1", "2 entries are numbered from 2 to 3"),
    ("UPDATE entries SET balance = 701 WHERE account_id = {ann} AND seq = 2", "entry 2 says 701, its running"),
    ("UPDATE entries SET amount = -299 WHERE account_id = {ann} AND seq = 2", "its 2 entries sum to 1, which"),
    ("UPDATE entries SET amount = -299 WHERE account_id = {ann} AND seq = 2", "entries sum to 1001"),
    ("UPDATE entries SET account_id = {eve} WHERE account_id = {bob}", "neither of its sides"),
    ("DELETE FROM entries WHERE transaction_id = {paid_back}", "there are 3 entries; the transactions call for 5"),
    ("DELETE FROM entries WHERE transaction_id = {paid_back}", "its 0 entries sum to 0, which are not its sides"),
    ("INSERT INTO entries VALUES ({eve}, 1, {made_up}, 5, 5)", "neither of its sides"),
    ("INSERT INTO entries VALUES ({eve}, 1, {paid}, 300, 300)", "its 3 entries sum to 300"),
    ("INSERT INTO entries VALUES ({made_up}, 1, {paid}, 300, 300)", "has entries and is no user"),
    ("DELETE FROM emails WHERE user_id = {bob}", "has entries and is no user"),
    ("DELETE FROM users WHERE user_id = {bob}", "the account is closed, its entries sum to 200"),
    ("UPDATE users SET email = 'carl@example.com' WHERE user_id = {eve}", "not among those that are its user's"),
    ("DELETE FROM transactions WHERE transaction_id = {paid}", "neither of its sides"),
    ("DELETE FROM transactions WHERE transaction_id = {paid}", "was acknowledged and is lost"),
    ("DELETE FROM transactions WHERE transaction_id = {topup}", "0 was topped up"),
    ("UPDATE transactions SET amount = 301 WHERE transaction_id = {paid}", "was acknowledged as"),
    ("UPDATE transactions SET amount = 301 WHERE transaction_id = {paid}", "neither of its sides"),
    ("UPDATE transactions SET amount = 0 WHERE transaction_id = {paid}", "it moves nothing"),
    ("UPDATE transactions SET receiver_id = sender_id WHERE transaction_id = {paid}", "it moves nothing"),
    ("UPDATE transactions SET receiver_email = 'eve@example.com' WHERE transaction_id = {paid}", "its receiver is not"),
    ("UPDATE transactions SET sender_email = 'eve@example.com' WHERE transaction_id = {paid}", "its sender is not"),
    ("UPDATE transactions SET kind = 'gift' WHERE transaction_id = {paid}", "it is gift, which no"),
    ("UPDATE transactions SET kind = 'topup' WHERE transaction_id = {paid}", "accounts that none is between"),
    ("UPDATE transactions SET sender_id = {nobody} WHERE transaction_id = {paid}", "accounts that none is between"),
    ("UPDATE idempotency_keys SET transaction_id = {made_up} WHERE idempotency_key = 'k1'", "that is not there"),
    ("UPDATE idempotency_keys SET transaction_id = {paid_back} WHERE user_id = {ann}", "somebody else's transaction"),
    ("INSERT INTO idempotency_keys VALUES ({ann}, 'k9', 'ok', {paid})", "2 keys name the transaction"),
    ("UPDATE idempotency_keys SET transaction_id = {paid} WHERE idempotency_key = 'k2'", "was refused and names"),
    ("INSERT INTO holds VALUES ({made_up}, {ann}, {bob}, 50, 0, 'open')", "open holds have 50; 0 is on hold"),
    ("INSERT INTO holds VALUES ({made_up}, {ann}, {bob}, 50, 0, 'open')", "is not the transaction of its name"),
    ("INSERT INTO holds VALUES ({made_up}, {ann}, {bob}, 50, 0, 'captured')", "is captured with 0 captured"),
    ("INSERT INTO holds VALUES ({made_up}, {ann}, {bob}, 50, 51, 'captured')", "is captured with 51 captured"),
    ("UPDATE transactions SET kind = 'hold' WHERE transaction_id = {paid}", "open holds have 0; 300 is on hold"),
    ("INSERT INTO refunds VALUES ({paid}, {paid_back}, 301)", "301 was refunded, 300 was paid"),
    ("INSERT INTO refunds VALUES ({paid}, {paid_back}, 100)", "is not the transaction of its name"),
    ("UPDATE transactions SET kind = 'refund' WHERE transaction_id = {paid_back}", "it is a refund of nothing"),
    ("UPDATE transactions SET kind = 'pending_refund' WHERE transaction_id = {paid}", "nothing says how"),
    ("UPDATE transactions SET kind = 'pending_topup' WHERE transaction_id = {topup}", "0 is on its way by the"),
    ("UPDATE transactions SET kind = 'pending_topup' WHERE transaction_id = {topup}", "less 1000 on its way"),
    ("UPDATE transactions SET kind = 'settlement' WHERE transaction_id = {topup}", "-1000 by the transactions"),
    ("UPDATE transactions SET kind = 'return' WHERE transaction_id = {paid}", "accounts that none is between"),
    (
        "INSERT INTO transits VALUES ({made_up}, {nobody}, {ann}, {nobody}, 9, 'succeeded', 'succeeded')",
        "it is succeeded, and is not the transaction of its name",
    ),
    (
        "INSERT INTO transits VALUES ({topup}, {nobody}, {ann}, {nobody}, 1000, 'pending', 'succeeded')",
        "it is pending, and is not the transaction of its name",
    ),
    (
        "INSERT INTO transits VALUES ({topup}, {nobody}, {ann}, {nobody}, 1000, 'failed', 'failed')",
        "it is failed, and is not the transaction of its name",
    ),
    ("INSERT INTO debts VALUES ({eve}, 5)", "owes 5, was lent what comes to 0"),
    ("UPDATE transactions SET kind = 'loan' WHERE transaction_id = {topup}", "owes 0, was lent what comes to 1000"),
])  # fmt: skip
def test_planted_violation_is_seen(database: sa.Connection, auditor: Auditor, plant: str, sentence: str) -> None:
    """A ledger that was tampered with in one statement is found wrong, in words that say how."""
    ids = {"ann": ANN, "bob": BOB, "eve": EVE, "topup": TOPUP, "paid": PAID, "paid_back": PAID_BACK, "made_up": MADE_UP}
    ids["nobody"] = NOBODY
    done = database.exec_driver_sql(plant.format(**{name: literal(value) for name, value in ids.items()}))
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
    """When clients were told something else than the ledger holds, the auditor says what."""
    assert any(sentence in said for said in found(auditor, told)), found(auditor, told)


def test_overlapping_requests_may_come_in_any_order(auditor: Auditor) -> None:
    """Two requests that were under way at the same time may be in either order."""
    told = [TOLD[0], TOLD[1]._replace(began=3.0, ended=6.0), TOLD[2]._replace(began=3.5, ended=4.0)]

    assert found(auditor, told) == []


def test_snapshot_is_of_one_moment(database: sa.Connection, auditor: Auditor, empty_url: str) -> None:
    """A payment that is half written when the auditor reads is not seen by half."""
    database.exec_driver_sql("BEGIN")
    database.exec_driver_sql("UPDATE users SET balance = balance - 50 WHERE email = 'ann@example.com'")

    with Auditor(empty_url) as other:
        assert wrong_totals(other.totals()) == []
        assert found(other) == []
    database.exec_driver_sql("ROLLBACK")


def test_auditor_cannot_write(auditor: Auditor) -> None:
    """The auditor's connection refuses to change what it reads."""
    with auditor._snapshot(), pytest.raises(sa.exc.DBAPIError, match=r"(?i)read.?only"):
        auditor._connection.exec_driver_sql("DELETE FROM users")


def test_findings_have_a_bound(database: sa.Connection, auditor: Auditor) -> None:
    """However much is wrong, each check tells of no more than shows how."""
    rows = ", ".join(f"(x'{number:032x}', 'user{number}@example.com', -1, 0)" for number in range(100, 200))
    database.exec_driver_sql(f"INSERT INTO users VALUES {rows}")
    told = [Acknowledged(bytes([number]) * 16, "topup", "", "eve@example.com", 1) for number in range(100, 200)]
    audit = auditor.audit(TOLD + told)

    assert audit.count("lost") == FINDINGS_MAX
    assert audit.count("derivation") == FINDINGS_MAX
    assert audit.looked_up == len(TOLD) + len(told)


def test_ids_alone_are_looked_up(auditor: Auditor) -> None:
    """Where only ids are known, those that are there are counted; a lost one, and one told of twice, are found."""
    sound = auditor.audit(acknowledged=[TOPUP, PAID])
    sound.require_clean()

    assert sound.looked_up == 2
    with pytest.raises(LedgerWrong, match="was acknowledged and is lost"):
        auditor.audit(acknowledged=[TOPUP, MADE_UP]).require_clean()
    with pytest.raises(LedgerWrong, match="was acknowledged for 2 requests"):
        auditor.audit(acknowledged=[TOPUP, PAID, TOPUP]).require_clean()


def test_quick_audit_leaves_lines_alone(database: sa.Connection, auditor: Auditor) -> None:
    """An audit of accounts sees what is wrong with an account, and not what is wrong with one of its lines."""
    database.exec_driver_sql(f"UPDATE entries SET balance = 701 WHERE account_id = {literal(ANN)} AND seq = 2")
    assert auditor.audit(depth=Depth.ACCOUNTS).findings == []
    assert auditor.audit().count("derivation") == 1
    database.exec_driver_sql(f"UPDATE users SET entry_count = 9 WHERE user_id = {literal(ANN)}")

    assert auditor.audit(depth=Depth.ACCOUNTS).count("derivation") == 1
