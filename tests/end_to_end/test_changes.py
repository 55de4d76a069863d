"""What users change about themselves: the password, the email, and that they have an account at all."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from shillings.audit.auditor import Auditor
from tests.service import PASSWORD, Answer, Client, Service, User, token_of

ANOTHER = "another horse entirely"


@pytest.fixture
def eve(client: Client, name: str) -> User:
    """Somebody who has logged in, with nothing."""
    return client.new_user(f"eve-{name}")


def change_password(user: User, password: str = PASSWORD, to: str = ANOTHER) -> Answer:
    """Ask for another password."""
    return user.send("POST", "/v1/password", {"password": password, "new_password": to})


def change_email(user: User, email: str, password: str = PASSWORD) -> Answer:
    """Ask for another email."""
    return user.send("POST", "/v1/email", {"password": password, "new_email": email})


def close(user: User, password: str = PASSWORD) -> Answer:
    """Ask for the account to be closed."""
    return user.send("POST", "/v1/account/close", {"password": password})


CHANGES = {
    "password": ("/v1/password", {"password": PASSWORD, "new_password": ANOTHER}),
    "email": ("/v1/email", {"password": PASSWORD, "new_email": "new@example.org"}),
    "close": ("/v1/account/close", {"password": PASSWORD}),
}


@pytest.mark.parametrize(("path", "body"), CHANGES.values(), ids=CHANGES)
def test_nobody_else_can_change_anything(client: Client, carol: User, path: str, body: dict[str, str]) -> None:
    """Without a session nothing is changed, and with somebody's session not without their password."""
    before = carol.account()

    assert client.send("POST", path, body).outcome == (401, "unauthenticated")
    refused = carol.send("POST", path, body | {"password": "not the password"})

    assert refused.outcome == (400, "invalid_request")
    assert refused.message.startswith("password ")
    assert carol.account() == before


def test_changed_password_is_the_only_one(eve: User) -> None:
    """The new password logs in and the old one does not; the session goes on with a new token."""
    renewed = User(eve.client, eve.email, token_of(change_password(eve)))

    assert renewed.account()["email"] == eve.email
    assert eve.client.log_in(eve.email).outcome == (401, "unauthenticated")
    assert eve.client.log_in(eve.email, ANOTHER).outcome == (200, "ok")


@pytest.mark.parametrize("change", [change_password, lambda user: change_email(user, f"new-{user.email}")])
def test_every_other_session_ends(eve: User, change: object) -> None:
    """A change of the password or the email ends every session there was, at once: they can neither read nor pay."""
    others = [User(eve.client, eve.email, token_of(eve.client.log_in(eve.email))) for _ in range(3)]
    assert {other.account()["email"] for other in others} == {eve.email}

    assert callable(change)
    renewed = User(eve.client, eve.email, token_of(change(eve)))

    for ended in (eve, *others):
        assert ended.send("GET", "/v1/account").outcome == (401, "unauthenticated")
        assert ended.top_up("1.00").outcome == (401, "unauthenticated")
        assert change_password(ended).outcome == (401, "unauthenticated")
    assert renewed.top_up("1.00").outcome == (200, "ok")


@pytest.mark.parametrize("password", ["short", "password", " " * 8])
def test_new_password_must_be_a_good_one(eve: User, password: str) -> None:
    """A new password is judged as that of a sign-up is, and a refused one changes nothing."""
    refused = change_password(eve, to=password)

    assert refused.outcome == (400, "invalid_request")
    assert refused.message.startswith("new_password ")
    assert change_password(eve, to=eve.email).outcome == (400, "invalid_request")
    assert eve.client.log_in(eve.email).outcome == (200, "ok")


def test_one_of_two_changes_at_once_is_made(service: Service, eve: User) -> None:
    """Of two sessions that change the password together one succeeds, and its password is the one that counts."""
    rival = User(service.client(), eve.email, token_of(eve.client.log_in(eve.email)))
    asked = [(eve, "first horse of two"), (rival, "second horse of two")]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda one: change_password(one[0], to=one[1]), asked))

    assert [answer.http for answer in answers].count(200) == 1
    for (_, password), answer in zip(asked, answers, strict=True):
        assert eve.client.log_in(eve.email, password).http == (200 if answer.http == 200 else 401)


def test_changed_email_logs_in_and_is_paid(eve: User, ann: User) -> None:
    """The new email logs in and is paid; the old one does not log in, and money sent there still comes."""
    email = f"new-{eve.email}"
    renewed = User(eve.client, email, token_of(change_email(eve, email.upper())))

    assert renewed.account()["email"] == email
    assert eve.client.log_in(eve.email).outcome == (401, "unauthenticated")
    assert eve.client.log_in(email).outcome == (200, "ok")
    for receiver in (email, eve.email):
        assert ann.pay(receiver, "1.00").outcome == (200, "ok")
    assert renewed.account()["balance"] == "2.00"
    assert [line["receiver_email"] for line in renewed.history()] == [email, email]
    assert renewed.pay(eve.email, "1.00").outcome == (422, "self_payment")


def test_email_never_becomes_somebody_elses(eve: User, ann: User) -> None:
    """An email that somebody has, or had before, is taken; who had it may have it back."""
    email = f"new-{eve.email}"
    assert change_email(eve, ann.email).outcome == (409, "email_taken")
    renewed = User(eve.client, email, token_of(change_email(eve, email)))

    assert eve.client.sign_up(eve.email).outcome == (409, "email_taken")
    other = eve.client.new_user(f"other-{eve.email.split('@')[0]}")
    assert change_email(other, eve.email).outcome == (409, "email_taken")
    back = User(eve.client, eve.email, token_of(change_email(renewed, eve.email)))
    assert back.account()["email"] == eve.email


@pytest.mark.parametrize("email", ["", "eve", "\u0435ve@example.com"])
def test_new_email_must_be_a_good_one(eve: User, email: str) -> None:
    """A new email is judged as that of a sign-up is."""
    refused = change_email(eve, email)

    assert refused.outcome == (400, "invalid_request")
    assert refused.message.startswith("new_email ")


def test_closed_account_is_gone(eve: User, ann: User) -> None:
    """A closed account neither logs in, nor reads, nor pays, nor is paid; its email stays taken."""
    second = User(eve.client, eve.email, token_of(eve.client.log_in(eve.email)))
    assert ann.pay(eve.email, "1.00").outcome == (200, "ok")
    assert eve.pay(ann.email, "1.00").outcome == (200, "ok")

    answer = close(eve)

    assert answer.outcome == (200, "ok")
    assert answer.headers["set-cookie"].startswith("token=; Max-Age=0;")
    for ended in (eve, second):
        assert ended.send("GET", "/v1/account").outcome == (401, "unauthenticated")
        assert ended.top_up("1.00").outcome == (401, "unauthenticated")
    assert eve.client.log_in(eve.email).outcome == (401, "unauthenticated")
    assert eve.client.sign_up(eve.email).outcome == (409, "email_taken")
    assert ann.pay(eve.email, "1.00").outcome == (404, "receiver_not_found")
    assert ann.balance == 100
    assert ann.history()[0]["sender_email"] == eve.email


def test_account_with_money_stays(eve: User) -> None:
    """An account with money in it is not closed, and goes on."""
    assert eve.top_up("0.01").outcome == (200, "ok")

    assert close(eve).outcome == (409, "account_not_empty")
    assert eve.account()["balance"] == "0.01"


def test_account_with_a_hold_stays(eve: User, ann: User) -> None:
    """Neither who has money on hold nor whom it is meant for can close the account, until the hold has ended."""
    assert eve.top_up("5.00").outcome == (200, "ok")
    made = eve.send("POST", "/v1/holds", {"receiver_email": ann.email, "amount": "5.00"})
    assert made.outcome == (200, "ok")
    assert eve.account()["balance"] == "0.00"

    assert close(eve).outcome == (409, "account_not_empty")
    captured = ann.send("POST", f"/v1/holds/{made.body['hold_id']}/capture", {})
    assert captured.outcome == (200, "ok")
    assert close(eve).outcome == (200, "ok")


def test_books_are_right_after_every_change(service: Service, eve: User, ann: User) -> None:
    """After changes of emails and a closed account the audit finds nothing, and the names are gone."""
    email = f"new-{eve.email}"
    renewed = User(eve.client, email, token_of(change_email(eve, email)))
    assert ann.pay(email, "1.00").outcome == (200, "ok")
    assert renewed.pay(ann.email, "1.00").outcome == (200, "ok")
    assert close(renewed).outcome == (200, "ok")

    with Auditor(service.database_url) as auditor:
        assert auditor.audit().findings == []


class TestSignUpAgain:
    """A sign-up that is sent again."""

    @staticmethod
    def sign_up(client: Client, email: str, key: str, **fields: object) -> Answer:
        """Sign up with a key."""
        body = {"first_name": "Ann", "last_name": "Lee", "email": email, "password": PASSWORD} | fields
        return client.send("POST", "/v1/signup", body, headers={"Idempotency-Key": key})

    def test_same_key_gets_the_same_answer(self, client: Client, name: str) -> None:
        """The same sign-up with the same key makes one user, whose id comes again, marked as a replay."""
        first, second = (self.sign_up(client, f"{name}@example.com", "k") for _ in range(2))

        assert first.outcome == second.outcome == (200, "ok")
        assert first.content == second.content
        assert (first.headers.get("idempotent-replayed"), second.headers.get("idempotent-replayed")) == (None, "true")

    @pytest.mark.parametrize("changed", [{"first_name": "Bob"}, {"password": ANOTHER}, {"phone": "+65 6123 4567"}])
    def test_key_with_another_body_is_refused(self, client: Client, name: str, changed: dict[str, str]) -> None:
        """Another body, and another password too, is not replayed."""
        assert self.sign_up(client, f"{name}@example.com", "k").outcome == (200, "ok")

        again = self.sign_up(client, f"{name}@example.com", "k", **changed)
        assert again.outcome == (422, "idempotency_key_reused")

    def test_other_key_is_another_sign_up(self, client: Client, name: str) -> None:
        """Another key, or none, finds the email taken; the same key with another email is another user's."""
        assert self.sign_up(client, f"{name}@example.com", "k").outcome == (200, "ok")

        assert self.sign_up(client, f"{name}@example.com", "l").outcome == (409, "email_taken")
        assert client.sign_up(f"{name}@example.com").outcome == (409, "email_taken")
        assert self.sign_up(client, f"other-{name}@example.com", "k").outcome == (200, "ok")

    def test_bad_key_is_refused(self, client: Client, name: str) -> None:
        """A key is judged as that of a payment is."""
        assert self.sign_up(client, f"{name}@example.com", "a b").outcome == (400, "invalid_request")
