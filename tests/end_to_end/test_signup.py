"""Signing up: who is the same person, which passwords there may be, and text that tries to be more than text."""

# ruff: noqa: RUF001 - letters that look like others are what some tests are about

import re
import unicodedata
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.service import PASSWORD, Client, Service, User, token_of

SAME_EMAILS = {
    "upper case": "ANN.{n}@EXAMPLE.COM",
    "mixed case": "Ann.{n}@Example.com",
    "outer spaces": "  ann.{n}@example.com ",
    "outer line ends": "\r\nann.{n}@example.com\n",
    "no-break space": "\u00a0ann.{n}@example.com\u00a0",
    "full width": "ａｎｎ.{n}@ｅｘａｍｐｌｅ.com",
    "full-width signs": "ann．{n}＠example．com",
    "Kelvin sign in the domain": "ann.{n}@example.com",
}
PAYLOADS = {
    "closing quote": "Robert'); DROP TABLE users;--",
    "doubled quote": "O''Brien",
    "backslash quote": "\\'; UPDATE users SET balance = 1000000; --",
    "final backslash": "Ann\\",
    "hex literal": "x'00'",
    "comment": "/* */ -- #",
    "format signs": "%s %(x)s {0} ${7*7} {{7*7}}",
    "percent": "100%_",
    "script": "<script>alert(1)</script>",
    "JSON": '"},"balance":"1000000","x":{"',
    "emoji": "🙂👩‍👩‍👧",
    "astral and right to left": "𝒜 \u202eevil",
    "bind marks": ":name ?",
    "100 characters": "x" * 100,
}


def test_email_has_one_form(client: Client, name: str) -> None:
    """An email that differs by case, width, outer white space or Unicode form is taken, and logs in to its account."""
    assert client.sign_up(f"ann.{name}@example.com").outcome == (200, "ok")

    for written in SAME_EMAILS.values():
        email = written.format(n=name)
        assert client.sign_up(email, "another password").outcome == (409, "email_taken"), email
        assert client.log_in(email, "another password").outcome == (401, "unauthenticated"), email
        assert client.log_in(email).outcome == (200, "ok"), email


@pytest.mark.parametrize(("first", "second"), [
    ("kelvin", "\u212aelvin"), ("strasse", "straße"), ("caf\u00e9", "cafe\u0301"), ("\u00e5ngstrom", "\u212bngstrom"),
    ("\u03bd\u03b9\u03ba\u03bf\u03c3", "\u039d\u0399\u039a\u039f\u03a3"), ("office", "o\ufb03ce"), ("\u01c6", "\u01c4"),
])  # fmt: skip
def test_emails_that_look_the_same_are_the_same(client: Client, name: str, first: str, second: str) -> None:
    """Two spellings of one email in Unicode are one email."""
    assert client.sign_up(f"{first}.{name}@example.com").outcome == (200, "ok")

    assert client.sign_up(f"{second}.{name}@example.com").outcome == (409, "email_taken")


def test_email_is_taken_once_however_many_ask(service: Service, name: str) -> None:
    """Twenty sign-ups at once with spellings of one email make one user."""
    spellings = [f"{first}nn.{name}@example.com" for first in "aAａＡ"] * 5
    with service.client() as client, ThreadPoolExecutor(20) as pool:
        outcomes = sorted(answer.outcome for answer in pool.map(client.sign_up, spellings))

    assert outcomes == [(200, "ok")] + [(409, "email_taken")] * 19


@pytest.mark.parametrize("email", [
    "", " ", "ann", "@example.com", "ann@", "ann@example", "ann@@example.com", "ann@exa mple.com",
    "a nn@example.com",
    "ann@.com", "ann@example.", "ann@example..com", "ann\n@example.com", "ann\u0000@example.com",
    "ann\u200b@example.com", "ann\u200d@example.com",
    "ann\u202e@example.com", "ann@example.com,bob@example.com", "a" * 65 + "@example.com",
    "ann@" + "x" * 250 + ".com", "ann\ufeff@example.com",
])  # fmt: skip
def test_what_is_no_email_is_refused(client: Client, email: str) -> None:
    """A sign-up with what is no email, or with an email that hides something, is refused by the field's name."""
    answer = client.sign_up(email)

    assert answer.outcome == (400, "invalid_request")
    assert answer.message.startswith("email ")


@pytest.mark.parametrize("length", [8, 64, 72, 73, 128])
def test_password_of_8_to_128_characters_is_taken(client: Client, name: str, length: int) -> None:
    """A password of 8 to 128 characters is taken and is needed whole."""
    password, email = "ab" * (length // 2 - 1) + "Z" * (2 + length % 2), f"{name}@example.com"

    assert client.sign_up(email, password).outcome == (200, "ok")

    for wrong in (password[:-1], password[:-1] + "z", password + "Z", password[:-1] + "Y", password.lower()):
        assert client.log_in(email, wrong).outcome == (401, "unauthenticated")
    assert client.log_in(email, password).outcome == (200, "ok")


@pytest.mark.parametrize(
    "password", ["", "a" * 7, "é" * 7, "a" * 129, "a" * 1000, "é" * 129, "correct\0horse", "\0" * 8]
)
def test_password_of_another_length_is_refused(client: Client, name: str, password: str) -> None:
    """A password of fewer than 8 or more than 128 characters, or with a NUL, is refused by the field's name."""
    answer = client.sign_up(f"{name}@example.com", password)

    assert answer.outcome == (400, "invalid_request")
    assert answer.message.startswith("password ")
    assert client.log_in(f"{name}@example.com", password).outcome == (401, "unauthenticated")


def test_password_may_be_any_text(client: Client, name: str) -> None:
    """A password keeps its spaces, its case and its emoji, and is the same in either Unicode form."""
    password, email = "  Pässwörd 🙂 ", f"{name}@example.com"
    assert client.sign_up(email, unicodedata.normalize("NFC", password)).outcome == (200, "ok")

    assert client.log_in(email, unicodedata.normalize("NFD", password)).outcome == (200, "ok")
    assert client.log_in(email, password.strip()).outcome == (401, "unauthenticated")


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS.keys())
def test_payload_in_a_name_is_kept_as_text(client: Client, carol: User, name: str, payload: str) -> None:
    """A name that tries to be SQL, a template or markup is stored as it was written, and does nothing."""
    before = carol.state()
    email = f"{name}@example.com"

    assert client.sign_up(email, first_name=payload, middle_name=payload, last_name=payload).outcome == (200, "ok")

    account = User(client, email, token_of(client.log_in(email))).account()
    assert [account[field] for field in ("first_name", "middle_name", "last_name")] == [payload] * 3
    assert account["balance"] == "0.00"
    assert carol.state() == before


@pytest.mark.parametrize(
    "local", ["o'brien", "a'--", "a\\", "a''", "x'00'", "a;drop", "a%_", '"a"', "a`b", "a/*", "{a}"]
)
def test_payload_in_an_email_is_kept_as_text(client: Client, bob: User, name: str, local: str) -> None:
    """An email that tries to be SQL is stored as it was written, can pay and be paid, and does nothing else."""
    email = f"{local}.{name}@example.com"
    assert client.sign_up(email).outcome == (200, "ok")
    user = User(client, email, token_of(client.log_in(email)))

    assert user.top_up("2.00", key=f"{local}'").outcome == (200, "ok")
    assert user.pay(bob.email, "1.00").outcome == (200, "ok")
    assert bob.pay(email, "0.50").outcome == (200, "ok")

    assert user.account()["email"] == email
    assert user.account()["balance"] == "1.50"
    assert [line["sender_email"] for line in user.history()] == [bob.email, email, ""]


@pytest.mark.parametrize("field", ["first_name", "middle_name", "last_name"])
@pytest.mark.parametrize("value", ["a\nb", "a\r\nX-Evil: 1", "a\0b", "a\x1b[31mb", "a\x7fb", "a\x85b", "x" * 101])
def test_control_characters_in_a_name_are_refused(client: Client, name: str, field: str, value: str) -> None:
    """A name that could forge a line of a log or of a header, or has more than 100 characters, is refused."""
    answer = client.sign_up(f"{name}@example.com", **{field: value})

    assert answer.outcome == (400, "invalid_request")
    assert answer.message.startswith(f"{field} ")


@pytest.mark.parametrize("field", ["first_name", "last_name"])
@pytest.mark.parametrize("value", ["", "   ", "\u00a0"])
def test_empty_name_is_refused(client: Client, name: str, field: str, value: str) -> None:
    """A first or last name of nothing but white space is refused by the field's name."""
    answer = client.sign_up(f"{name}@example.com", **{field: value})

    assert answer.outcome == (400, "invalid_request")
    assert answer.message.startswith(f"{field} ")


@pytest.mark.parametrize("phone", ["x", "12", "+", "+65\n6123", "1" * 33, "٠١٢٣", "+-----"])
def test_what_is_no_phone_is_refused(client: Client, name: str, phone: str) -> None:
    """A phone number that is none is refused by the field's name."""
    answer = client.sign_up(f"{name}@example.com", phone=phone)

    assert answer.outcome == (400, "invalid_request")
    assert answer.message.startswith("phone ")


def test_logs_hold_no_secret(service: Service, client: Client, name: str) -> None:
    """Neither a password nor a token is ever written to the log, and every line of the log is the service's own."""
    secret = f"Secret horse {name}"
    email = f"{name}@example.com"
    assert client.sign_up(email, secret, first_name="a [error] forged").outcome == (200, "ok")
    assert client.log_in(email, secret + "!").outcome == (401, "unauthenticated")
    token = token_of(client.log_in(email, secret))
    assert client.send("POST", "/v1/logout", token=token).outcome == (200, "ok")

    output = service.output
    assert "logout" in output
    assert secret not in output
    assert token not in output
    assert token.rsplit(".", maxsplit=1)[-1] not in output
    assert "forged" not in output
    assert "$argon2" not in output


def test_refused_login_is_in_the_log(service: Service, client: Client, name: str) -> None:
    """A refused login tells whose account it was, as a keyed hash, and from where, under one request id."""
    email = f"{name}@example.com"
    client.sign_up(email)
    lines = []
    for number, given in enumerate((email, email.upper(), f"other-{email}")):
        body = {"email": given, "password": PASSWORD + "!"}
        headers = {"X-Request-Id": f"incident-{name}-{number}"}
        assert client.send("POST", "/v1/login", body, headers=headers).http == 401
        lines.append([line for line in service.output.splitlines() if f"incident-{name}-{number}" in line])

    accounts = [re.search(r"account=([0-9a-f]{16})", "\n".join(found)) for found in lines]
    assert all(accounts)
    first, again, other = (account[1] for account in accounts if account)
    assert first == again != other
    for found in lines:
        assert any("login_refused" in line for line in found)
        assert any("unauthenticated" in line and "address=127.0.0.1" in line for line in found)
    assert email not in service.output


def test_refused_token_is_in_the_log(service: Service, client: Client, name: str) -> None:
    """A token that is refused tells from where it came and under which request id, and is not written itself."""
    headers = {"X-Request-Id": f"token-{name}", "X-Real-IP": "192.0.2.7\x85"}
    assert client.send("GET", "/v1/account", headers=headers, token=f"secret-{name}").http == 401

    [line] = [line for line in service.output.splitlines() if f"token-{name}" in line]
    assert "unauthenticated" in line
    assert "forwarded_for=192.0.2.7\\x85" in line
    assert f"secret-{name}" not in service.output
