"""Fixtures: the people and payments that a test begins with, made at one go or not at all."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from shillings.audit.auditor import Auditor
from tests.running import run_shillings
from tests.service import PASSWORD, Answer, Service, User, token_of

ANN = {"email": "Ann@example.com", "password": PASSWORD, "balance": "50.00", "first_name": "Ann"}
BOB = {"email": "bob@example.com", "password": PASSWORD}
LUNCH = {"sender_email": "ann@example.com", "receiver_email": "bob@example.com", "amount": "12.50"}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service of one's own: these people would be others' too."""
    with Service(tmp_path) as made:
        yield made


def make(service: Service, *users: object, payments: object = ()) -> Answer:
    """Ask for fixtures."""
    return service.client().send("POST", "/v1/sandbox/fixtures", {"users": users, "payments": payments})


def log_in(service: Service, email: str) -> User:
    """Somebody whom the fixtures made."""
    client = service.client()
    return User(client, email, token_of(client.log_in(email)))


def test_fixtures_make_people_and_payments(service: Service) -> None:
    """Whom they name can log in, has what is left of the balance, sees the payment, and the books are right."""
    made = make(service, ANN, BOB, payments=[LUNCH])

    assert made.outcome == (200, "ok"), made
    assert [one["email"] for one in made.body["users"]] == ["ann@example.com", "bob@example.com"]
    assert made.body["payments"] == 1
    ann, bob = log_in(service, "ann@example.com"), log_in(service, "bob@example.com")
    assert (ann.balance, bob.balance) == (Decimal("37.50"), Decimal("12.50"))
    assert ann.pay(bob.email, "7.50").outcome == (200, "ok")
    assert (ann.balance, bob.balance) == (Decimal("30.00"), Decimal("20.00"))
    with Auditor(service.database_url) as auditor:
        assert auditor.audit().findings == []


@pytest.mark.parametrize(
    ("changed", "payment", "field"),
    [
        ({"email": "nobody"}, LUNCH, "users[1].email"),
        ({"balance": "-5"}, LUNCH, "users[1].balance"),
        ({"phone": "x"}, LUNCH, "users[1].phone"),
        ({}, LUNCH | {"amount": "1.005"}, "payments[0].amount"),
        ({"password": "short"}, LUNCH, "users[1].password"),
        ({"email": "ann@example.com"}, LUNCH, "users"),
        ({}, LUNCH | {"amount": "50.01"}, "payments[0]"),
        ({}, LUNCH | {"sender_email": "eve@example.com"}, "payments[0].sender_email"),
        ({}, LUNCH | {"receiver_email": "eve@example.com"}, "payments[0]"),
    ],
)
def test_what_cannot_be_makes_nothing(service: Service, changed: object, payment: object, field: str) -> None:
    """One wrong person or payment is refused by its field, and nobody is made."""
    assert isinstance(changed, dict)
    refused = make(service, ANN, BOB | changed, payments=[payment])

    assert refused.outcome == (400, "invalid_request"), refused
    assert json.loads(refused.content)["status"]["field"] == field
    assert service.client().log_in("ann@example.com").outcome == (401, "unauthenticated")


def test_email_that_is_somebodys_makes_nothing(service: Service) -> None:
    """An email that is taken is named, and the others of the request are not made."""
    bob = service.new_user("bob", "5.00")
    refused = make(service, ANN, BOB | {"email": bob.email}, payments=[])

    assert refused.outcome == (409, "email_taken")
    assert json.loads(refused.content)["status"]["field"] == "users[1].email"
    assert service.client().log_in("ann@example.com").outcome == (401, "unauthenticated")
    assert bob.balance == Decimal("5.00")


def test_serve_begins_with_a_file(tmp_path: Path) -> None:
    """`shillings serve --fixtures FILE` has them from the first request on, and again after a second start."""
    file = tmp_path / "people.yaml"
    file.write_text("users:\n  - {email: ann@example.com, password: correct horse battery, balance: 50}\n")
    with Service(tmp_path, "--fixtures", str(file)) as service:
        assert log_in(service, "ann@example.com").balance == Decimal(50)
        service.stop()
        service.start()
        assert log_in(service, "ann@example.com").balance == Decimal(50)


def test_serve_refuses_a_wrong_file(tmp_path: Path) -> None:
    """A file that cannot be made ends the command with a message that names the file and the field."""
    file = tmp_path / "people.yaml"
    file.write_text("users: [{email: nobody, password: correct horse battery}]")
    ended = run_shillings("serve", "--port", "0", "--fixtures", str(file), cwd=tmp_path)

    assert ended.returncode == 2
    assert "people.yaml" in ended.stderr
    assert "users[0].email" in ended.stderr


def test_fixtures_need_the_sandbox(tmp_path: Path) -> None:
    """Where the sandbox is off, the option is refused at once."""
    ended = run_shillings("serve", "--port", "0", "--fixtures", "people.yaml", cwd=tmp_path, SHILLINGS_SANDBOX="0")

    assert ended.returncode == 2
    assert "--fixtures needs the sandbox" in ended.stderr
