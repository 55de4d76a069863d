"""Sessions on every database: credentials, profiles, and revocations that hold."""

from datetime import timedelta

import pytest

from shillings import clock, ids
from shillings.storage.accounts import add_user
from shillings.storage.sessions import SessionLook, find_credentials, find_profiles, note_logins, revoke
from tests.contract.bank import MOMENT, TOKEN, Bank, new_user


def test_credentials_come_in_order(bank: Bank) -> None:
    """Each email gets its own credential, those of nobody none, however often one is asked for."""
    users = [new_user(password=f"hash {number}") for number in range(3)]
    for user in users:
        add_user(bank.session, user)
    emails = [users[2].email, "stranger@example.com", users[0].email, users[2].email]

    assert [one and one.password for one in find_credentials(bank.session, emails)] == [
        "hash 2",
        None,
        "hash 0",
        "hash 2",
    ]


def test_login_is_noted(bank: Bank) -> None:
    """The time of the last login is kept, for those who logged in and nobody else."""
    ann, bob = new_user(), new_user()
    for user in (ann, bob):
        add_user(bank.session, user)
    note_logins(bank.session, [ann.credential_id, ann.credential_id], MOMENT)
    last = [
        bank.rows(f"SELECT CAST(last_login AS CHAR(26)) FROM credentials WHERE email = '{user.email}'")
        for user in (ann, bob)
    ]

    assert last == [[(clock.stored(MOMENT),)], [(None,)]]


def test_revoked_session_has_no_profile(bank: Bank) -> None:
    """A revoked session is nobody's, at once, on every connection, and others of its user go on."""
    user = new_user(first_name="Ann", phone="+65 6123 4567")
    add_user(bank.session, user)
    mine, others = ids.new_id(), ids.new_id()
    looks = [SessionLook(user.user_id, mine), SessionLook(user.user_id, others), SessionLook(ids.new_id(), TOKEN)]
    reader = bank.open()
    before = find_profiles(reader, looks)
    revoke(bank.session, mine, clock.now() + timedelta(hours=1))
    after = find_profiles(reader, looks)

    assert before[0] == before[1] == after[1]
    assert after[1] is not None
    assert (after[1].user_id, after[1].first_name, after[1].phone) == (user.user_id, "Ann", "+65 6123 4567")
    assert (before[2], after[0], after[2]) == (None, None, None)


@pytest.mark.parametrize("times", [1, 2, 3])
def test_revoking_again_changes_nothing(bank: Bank, times: int) -> None:
    """A logout that is run twice revokes once."""
    token_id = ids.new_id()
    for _ in range(times):
        revoke(bank.session, token_id, MOMENT)

    assert len(bank.rows(f"SELECT token_id FROM revoked_tokens WHERE token_id = x'{token_id.hex()}'")) == 1
