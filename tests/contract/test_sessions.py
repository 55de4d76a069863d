"""Sessions on every database: credentials, profiles, and revocations that hold."""

from datetime import timedelta

import pytest

from shillings.base import clock
from shillings.storage.accounts import add_user
from shillings.storage.sessions import NewSession, SessionLookup, find_credentials, find_profiles, open_sessions, revoke
from tests.contract.bank import MOMENT, TOKEN, Bank, new_user
from tests.contract.planned_errors import Overtaken
from tests.values import new_id, now


def test_credentials_come_in_order(bank: Bank) -> None:
    """Each email gets its own credential, those of nobody none, however often one is asked for."""
    users = [new_user(password=f"hash {number}") for number in range(3)]
    for user in users:
        add_user(bank.connection, user)
    emails = [users[2].email, "stranger@example.com", users[0].email, users[2].email]

    assert [one and one.password for one in find_credentials(bank.connection, emails)] == [
        "hash 2",
        None,
        "hash 0",
        "hash 2",
    ]


def test_login_is_noted(bank: Bank) -> None:
    """The session and the time of a login are kept, once, and not for who was verified by another password's hash."""
    ann, bob = new_user(), new_user()
    for user in (ann, bob):
        add_user(bank.connection, user)
    ends = MOMENT + timedelta(hours=1)
    opened = [NewSession(new_id(), ann.user_id, ends, ann.credential_id, ann.password) for _ in range(2)]
    opened.append(NewSession(new_id(), bob.user_id, ends, bob.credential_id, "another hash"))
    for _ in range(2):
        assert open_sessions(bank.connection, opened, MOMENT) == [True, True, False]
    last = [
        bank.rows(f"SELECT CAST(last_login AS CHAR(26)) FROM credentials WHERE email = '{user.email}'")
        for user in (ann, bob)
    ]

    assert last == [[(clock.stored(MOMENT),)], [(None,)]]
    kept = bank.rows("SELECT token_id FROM sessions")
    assert {bytes(row[0]) for row in kept} == {one.token_id for one in opened[:2]}


def test_revoked_session_has_no_profile(bank: Bank) -> None:
    """A revoked session is nobody's, at once, on every connection, and others of its user go on."""
    user = new_user(first_name="Ann", phone="+65 6123 4567")
    add_user(bank.connection, user)
    mine, others = new_id(), new_id()
    lookups = [SessionLookup(user.user_id, mine), SessionLookup(user.user_id, others), SessionLookup(new_id(), TOKEN)]
    reader = bank.open()
    before = find_profiles(reader, lookups)
    revoke(bank.connection, mine, now() + timedelta(hours=1))
    after = find_profiles(reader, lookups)

    assert before[0] == before[1] == after[1]
    assert after[1] is not None
    assert (after[1].user_id, after[1].first_name, after[1].phone) == (user.user_id, "Ann", "+65 6123 4567")
    assert (before[2], after[0], after[2]) == (None, None, None)


@pytest.mark.parametrize("times", [1, 2, 3])
def test_revoking_again_changes_nothing(bank: Bank, times: int) -> None:
    """A logout that is run twice revokes once."""
    token_id = new_id()
    for _ in range(times):
        revoke(bank.connection, token_id, MOMENT)

    assert len(bank.rows(f"SELECT token_id FROM revoked_tokens WHERE token_id = x'{token_id.hex()}'")) == 1


def test_two_logouts_at_once_are_both_right(bank: Bank) -> None:
    """Two that revoke one session at the same moment both do: neither is told that anything broke."""
    token_id, connection = new_id(), bank.open(Overtaken)
    assert isinstance(connection, Overtaken)
    if bank.dialect.name == "sqlite":
        revoke(bank.connection, token_id, MOMENT)  # Here the other one cannot come between.
    else:
        connection.happens = lambda: revoke(bank.connection, token_id, MOMENT)
    revoke(connection, token_id, MOMENT)

    assert connection.happens is None
    assert len(bank.rows(f"SELECT token_id FROM revoked_tokens WHERE token_id = x'{token_id.hex()}'")) == 1
