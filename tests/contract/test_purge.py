"""What has outlived its use goes, and nothing else does."""

from datetime import timedelta

import pytest

from shillings.storage import deliveries
from shillings.storage import purge as purge_module
from shillings.storage.accounts import SignupKey, add_user
from shillings.storage.deliveries import DeliveryQuery
from shillings.storage.events import EventQuery, find
from shillings.storage.purge import purge
from shillings.storage.sessions import NewSession, open_sessions, revoke
from tests.contract.bank import MOMENT, Bank, new_user, topup
from tests.contract.hooks import OK, Hooks
from tests.contract.planned_errors import Overtaken
from tests.values import new_id

DAY_LATER = MOMENT + timedelta(hours=24)


def keys(bank: Bank) -> list[str]:
    """The keys that are kept."""
    return sorted(row[0] for row in bank.rows("SELECT idempotency_key FROM idempotency_keys"))


def test_keys_go_after_a_day(bank: Bank) -> None:
    """A key is kept for 24 hours exactly; the money it moved stays for ever."""
    ann = bank.user()
    bank.execute([topup(ann, 1, "old")], lambda: MOMENT)
    bank.execute([topup(ann, 1, "young")], lambda: MOMENT + timedelta(hours=1))

    assert (purge(bank.connection, DAY_LATER), keys(bank)) == (0, ["old", "young"])
    assert (purge(bank.connection, DAY_LATER + timedelta(microseconds=1)), keys(bank)) == (1, ["young"])
    assert (purge(bank.connection, DAY_LATER + timedelta(hours=2)), keys(bank)) == (1, [])
    assert bank.balance(ann) == 2
    assert bank.ledger()


def test_key_goes_without_its_namesakes(bank: Bank) -> None:
    """Keys belong to users: one that is over takes no other user's key of the same name along."""
    ann, bob = bank.user(), bank.user()
    bank.execute([topup(ann, 1, "namesake")], lambda: MOMENT)
    bank.execute([topup(bob, 1, "namesake")], lambda: MOMENT + timedelta(hours=1))

    assert purge(bank.connection, DAY_LATER + timedelta(microseconds=1)) == 1
    assert [bytes(row[0]) for row in bank.rows("SELECT user_id FROM idempotency_keys")] == [bob.user_id]
    assert purge(bank.connection, DAY_LATER + timedelta(hours=2)) == 1


def test_key_used_again_while_the_purge_reads_stays(bank: Bank) -> None:
    """A key that is over and is used again between the purge's reading and its deleting is a fresh one, and kept."""
    ann, connection = bank.user(), bank.open(Overtaken)
    assert isinstance(connection, Overtaken)
    bank.execute([topup(ann, 1, "again"), topup(ann, 1, "over")], lambda: MOMENT)
    later = DAY_LATER + timedelta(hours=1)
    connection.happens = lambda: bank.execute([topup(ann, 1, "again")], lambda: later)

    assert (purge(connection, later), keys(bank)) == (1, ["again"])
    [again] = bank.execute([topup(ann, 1, "again")], lambda: later)
    assert again.replayed
    assert bank.balance(ann) == 3
    assert purge(bank.connection, later + timedelta(days=2)) == 1


def test_revocations_go_with_their_tokens(bank: Bank) -> None:
    """A revocation is kept until its token has expired by itself."""
    for hours in (1, 2):
        revoke(bank.connection, new_id(), MOMENT + timedelta(hours=hours))

    assert purge(bank.connection, MOMENT + timedelta(hours=1)) == 0
    assert purge(bank.connection, MOMENT + timedelta(hours=1, microseconds=1)) == 1
    assert purge(bank.connection, MOMENT + timedelta(hours=3)) == 1
    assert purge(bank.connection, MOMENT + timedelta(hours=3)) == 0


def test_much_goes_piece_by_piece(bank: Bank) -> None:
    """One run removes a bounded number of rows; what is left goes with the next."""
    ann = bank.user()
    many = purge_module.ROWS_MAX + 100
    for first in range(0, many, 200):
        bank.execute([topup(ann, 1, f"k{first + number}") for number in range(200)], lambda: MOMENT)
    later = DAY_LATER + timedelta(days=1)
    gone: list[int] = []
    while not gone or gone[-1]:
        gone.append(purge(bank.connection, later))

    assert gone == [purge_module.ROWS_MAX, 100, 0]


def test_signup_keys_and_sessions_go_when_they_are_over(bank: Bank) -> None:
    """The key of a sign-up is kept as long as any other, a session until its token has expired; each is counted."""
    user = new_user()._replace(created_at=MOMENT)
    assert add_user(bank.connection, user, SignupKey("key", b"f" * 16)) is None
    opened = NewSession(new_id(), user.user_id, DAY_LATER, user.credential_id, user.password)
    assert open_sessions(bank.connection, [opened], MOMENT) == [True]

    assert purge(bank.connection, DAY_LATER) == 0
    assert purge(bank.connection, DAY_LATER + timedelta(microseconds=1)) == 2
    for table in ("signup_keys", "sessions"):
        assert bank.rows(f"SELECT COUNT(*) FROM {table} WHERE user_id = x'{user.user_id.hex()}'") == [(0,)]


def test_old_events_go_with_their_deliveries(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """After thirty days an event goes, with what was delivered of it, a bounded number at once; younger ones stay."""
    hooks = Hooks(bank)
    old = hooks.happen("payment.succeeded", "payment.received")
    young = hooks.happen("payment.succeeded", now=MOMENT + timedelta(days=1))
    hooks.claim(now=MOMENT + timedelta(days=2))
    hooks.report(OK, *old, *young)
    monkeypatch.setattr(purge_module, "ROWS_MAX", 1)
    gone = [purge(bank.connection, MOMENT + timedelta(days=30, seconds=1)) for _ in range(3)]

    # Each time an event, its delivery and its attempt.
    assert gone == [3, 3, 0]
    assert [event.event_id for event in find(bank.connection, hooks.owner, EventQuery())] == young
    assert deliveries.read(bank.connection, hooks.owner, DeliveryQuery(hooks.endpoint_id, old[0])) == []
    assert bank.rows(f"SELECT COUNT(*) FROM attempts WHERE event_id = x'{old[0].hex()}'") == [(0,)]
    assert hooks.delivery(young[0]).made
    bank.connection.query("UPDATE webhook_endpoints SET enabled = 0")
