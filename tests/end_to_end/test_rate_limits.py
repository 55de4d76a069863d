"""Who guesses too often is told to wait, and for how long; nobody else is."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service import PASSWORD, Answer, Client, Service

WRONG = "wrong horse battery"
ACCOUNT, ADDRESS, RECEIVERS = 3, 6, 3
SECONDS = 300
LIMITED = (429, "rate_limited")
REFUSED = (401, "unauthenticated")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with low limits, behind a proxy at loopback."""
    with Service(
        tmp_path_factory.mktemp("limited"),
        SHILLINGS_RATE_ACCOUNT_FAILURES=f"{ACCOUNT}/{SECONDS}",
        SHILLINGS_RATE_ADDRESS_FAILURES=f"{ADDRESS}/{SECONDS}",
        SHILLINGS_RATE_UNKNOWN_RECEIVERS=f"{RECEIVERS}/{SECONDS}",
        SHILLINGS_TRUSTED_PROXIES="127.0.0.1",
    ) as running:
        yield running


def log_in(client: Client, email: str, password: str, address: str) -> Answer:
    """Log in through the proxy, from an address."""
    body = {"email": email, "password": password}
    return client.send("POST", "/v1/login", body, headers={"X-Forwarded-For": f"6.6.6.6, {address}"})


def test_guessing_a_password_ends_and_its_owner_gets_in(service: Service, client: Client, name: str) -> None:
    """After a few wrong passwords the answer is 429 and says how long to wait; the owner gets in where she was."""
    email = f"{name}@example.com"
    home, elsewhere = "192.0.2.1", "192.0.2.2"
    client.sign_up(email)
    assert log_in(client, email, PASSWORD, home).outcome == (200, "ok")
    guesses = [log_in(client, email, WRONG, elsewhere) for _ in range(ACCOUNT + 1)]

    assert [guess.outcome for guess in guesses] == [REFUSED] * ACCOUNT + [LIMITED]
    assert 0 < int(guesses[-1].headers["retry-after"]) <= SECONDS
    assert f"try again in {guesses[-1].headers['retry-after']} s" in guesses[-1].message
    assert log_in(client, email, PASSWORD, elsewhere).outcome == LIMITED
    assert log_in(client, email, PASSWORD, home).outcome == (200, "ok")
    (line,) = [
        line for line in service.output.splitlines() if "rate_limited" in line and "limit=login-account" in line
    ][:1]
    assert f"address={elsewhere}" in line
    assert email not in line


def test_guessing_at_many_accounts_ends(client: Client, name: str) -> None:
    """One address tries so many accounts; what it claims about addresses changes nothing, and other addresses go on."""
    guesser, other = "192.0.2.3", "192.0.2.4"
    guesses = [log_in(client, f"{number}{name}@example.com", WRONG, guesser) for number in range(ADDRESS + 1)]

    assert [guess.outcome for guess in guesses] == [REFUSED] * ADDRESS + [LIMITED]
    assert log_in(client, f"{name}@example.com", WRONG, other).outcome == REFUSED


def test_asking_for_taken_emails_ends(client: Client, name: str) -> None:
    """Whether emails are taken can be found out so many times from one address."""
    headers = {"X-Forwarded-For": "192.0.2.5"}
    body = {"first_name": "A", "last_name": "B", "email": f"{name}@example.com", "password": PASSWORD}
    outcomes = [client.send("POST", "/v1/signup", body, headers=headers).outcome for _ in range(ADDRESS + 2)]

    assert outcomes == [(200, "ok"), *[(409, "email_taken")] * ADDRESS, LIMITED]


@pytest.mark.parametrize("path", ["/v1/pay", "/v1/holds"])
def test_asking_for_receivers_ends(client: Client, name: str, path: str) -> None:
    """Whether somebody has an email can be found out so many times by one user; then a payment is refused unmade."""
    kind = path.rpartition("/")[2]
    ann, bob = client.new_user(f"ann-{name}-{kind}", "5.00"), client.new_user(f"bob-{name}-{kind}", "5.00")

    def ask(receiver: str) -> tuple[int, str]:
        return ann.send("POST", path, {"receiver_email": receiver, "amount": "1.00"}).outcome

    assert [ask("nobody@example.com") for _ in range(RECEIVERS)] == [(404, "receiver_not_found")] * RECEIVERS
    assert ask(bob.email) == LIMITED
    assert str(ann.balance) == "5.00"
    assert bob.pay(ann.email, "1.00").outcome == (200, "ok")


def test_guessing_with_a_stolen_session_ends(client: Client, name: str) -> None:
    """Whoever has a session and not the password cannot find it out by changing it."""
    ann = client.new_user(f"ann-{name}")
    body = {"password": WRONG, "new_password": "another horse battery"}
    outcomes = [ann.send("POST", "/v1/password", body).outcome for _ in range(ACCOUNT + 1)]

    assert outcomes == [(400, "invalid_request")] * ACCOUNT + [LIMITED]


def test_limits_can_be_switched_off(tmp_path: Path) -> None:
    """With SHILLINGS_RATE_LIMITS=0 nobody is told to wait."""
    with Service(tmp_path, SHILLINGS_RATE_LIMITS="0", SHILLINGS_RATE_ACCOUNT_FAILURES="1/60") as service:
        client = service.client()
        assert {client.log_in("ann@example.com", WRONG).outcome for _ in range(5)} == {REFUSED}
        ann = client.new_user("ann", "1.00")
        assert {ann.pay("nobody@example.com", "1.00").outcome for _ in range(5)} == {(404, "receiver_not_found")}


def test_reset_begins_with_nothing_counted(client: Client, name: str) -> None:
    """A reset of the sandbox forgets the failures, too: the next test begins as new."""
    email = f"{name}@example.com"
    for _ in range(ACCOUNT + 1):
        limited = log_in(client, email, WRONG, "192.0.2.9")
    assert limited.outcome == LIMITED
    assert client.send("POST", "/v1/sandbox/reset", {}).outcome == (200, "ok")

    assert log_in(client, email, WRONG, "192.0.2.9").outcome == REFUSED
