"""Amounts that are no money, and payments that cannot be: each is refused by name, and nothing changes."""

# ruff: noqa: RUF001 - letters that look like others are what some tests are about

import pytest

from tests.service import User

TOO_LARGE = "100000000000.01"
LARGEST = "100000000000.00"

NO_AMOUNTS = {
    "zero": b'"0"',
    "zero with decimals": b'"0.00"',
    "zero as a number": b"0",
    "negative zero": b"-0",
    "negative": b'"-1.00"',
    "negative number": b"-1",
    "smallest negative": b"-0.01",
    "plus sign": b'"+1.00"',
    "too precise": b'"1.001"',
    "too precise number": b"0.001",
    "exponent in text": b'"1e3"',
    "too precise with an exponent": b"1E-3",
    "huge exponent": b"1e309",
    "NaN in text": b'"NaN"',
    "Infinity in text": b'"Infinity"',
    "true": b"true",
    "false": b"false",
    "null": b"null",
    "array": b'["1.00"]',
    "object": b'{"value": "1.00"}',
    "empty text": b'""',
    "blank text": b'" "',
    "outer white space": b'" 1.00"',
    "line end": b'"1.00\\n"',
    "leading zero in text": b'"01.00"',
    "no digit before the point": b'".50"',
    "no digit after the point": b'"1."',
    "comma": b'"1,00"',
    "thousands": b'"1,000.00"',
    "underscore": b'"1_000"',
    "currency": b'"1.00 USD"',
    "hexadecimal": b'"0x10"',
    "Arabic digits": '"١"'.encode(),
    "full-width digits": '"１"'.encode(),
    "escaped digit": b'"\\u0031"',
    "NUL": b'"1\\u0000"',
    "5,000 digits": b'"' + b"9" * 5000 + b'"',
    "5,000 digits as a number": b"9" * 5000,
    "5,000 decimals": b'"1.' + b"0" * 5000 + b'"',
    "above the largest": b'"%s"' % TOO_LARGE.encode(),
    "above the largest as a number": TOO_LARGE.encode(),
    "above 64 bits": b"18446744073709551616",
    "2 to the 63rd minor units": b'"92233720368547758.08"',
}
NO_JSON = {"NaN": b"NaN", "Infinity": b"Infinity", "minus Infinity": b"-Infinity", "leading zero": b"01", "half": b"1."}


@pytest.mark.parametrize("amount", NO_AMOUNTS.values(), ids=NO_AMOUNTS.keys())
def test_what_is_no_amount_is_refused(carol: User, dave: User, amount: bytes) -> None:
    """A payment or a top-up of what is no amount is refused, the message names the field, and nothing moves."""
    before = carol.state(), dave.state()

    paid = carol.send("POST", "/v1/pay", content=b'{"receiver_email": "dave@example.com", "amount": %s}' % amount)
    topped_up = carol.send("POST", "/v1/topup", content=b'{"amount": %s}' % amount)

    assert paid.outcome == topped_up.outcome == (400, "invalid_request")
    assert paid.message.startswith("amount ")
    assert topped_up.message == paid.message
    assert (carol.state(), dave.state()) == before


@pytest.mark.parametrize("amount", [b'"12.500"', b"12.500", b"1.25e1", b"1250E-2", b'"12.50"', b"12.5"])
def test_exact_amount_is_taken_however_written(ann: User, amount: bytes) -> None:
    """Trailing zeros and a number's exponent change nothing about an amount."""
    assert ann.send("POST", "/v1/topup", content=b'{"amount": %s}' % amount).outcome == (200, "ok")

    assert ann.account()["balance"] == "112.50"


@pytest.mark.parametrize("amount", NO_JSON.values(), ids=NO_JSON.keys())
def test_amount_that_is_no_json_is_refused(carol: User, amount: bytes) -> None:
    """A number that JSON does not know is refused, and nothing moves."""
    before = carol.state()

    answer = carol.send("POST", "/v1/topup", content=b'{"amount": %s}' % amount)

    assert answer.outcome == (400, "invalid_request")
    assert "body is not JSON" in answer.message
    assert carol.state() == before


@pytest.mark.parametrize("amount", [TOO_LARGE, "99999999999999999999"])
def test_largest_amount_is_said(carol: User, amount: str) -> None:
    """An amount that is too large is refused with the largest there may be, in the currency's own units."""
    assert carol.top_up(amount).message == f"amount must be at most {LARGEST}."


def test_missing_amount_is_refused(carol: User, dave: User) -> None:
    """A payment or a top-up without an amount is refused by the field's name, and nothing moves."""
    before = carol.state(), dave.state()

    answers = [carol.send("POST", "/v1/pay", {"receiver_email": dave.email}), carol.send("POST", "/v1/topup", {})]

    for answer in answers:
        assert answer.outcome == (400, "invalid_request")
        assert "amount" in answer.message
    assert (carol.state(), dave.state()) == before


def test_payment_to_oneself_is_refused(carol: User) -> None:
    """Nobody can pay themselves, however the email is written."""
    before = carol.state()

    for email in (carol.email, carol.email.upper(), f" {carol.email} "):
        assert carol.pay(email, "1.00").outcome == (422, "self_payment")

    assert carol.state() == before


def test_payment_to_nobody_is_refused(carol: User) -> None:
    """A payment to an email that nobody signed up with is refused, and the message says which field is meant."""
    before = carol.state()

    answer = carol.pay("nobody@example.com", "1.00")

    assert answer.outcome == (404, "receiver_not_found")
    assert "receiver_email" in answer.message
    assert carol.state() == before


@pytest.mark.parametrize("email", ["", "dave", "dave@", "@example.com", "a b@example.com", "dave@example.com\u202e"])
def test_payment_to_no_email_is_refused(carol: User, email: str) -> None:
    """A receiver that is no email is refused by the field's name, and nothing moves."""
    before = carol.state()

    answer = carol.pay(email, "1.00")

    assert answer.outcome == (400, "invalid_request")
    assert answer.message.startswith("receiver_email ")
    assert carol.state() == before


@pytest.mark.parametrize("amount", ["5.01", "6", "1000.00", LARGEST])
def test_payment_beyond_the_balance_is_refused(carol: User, dave: User, amount: str) -> None:
    """A payment of more than the balance is refused, by one hundredth as by a hundred billion, and nothing moves."""
    before = carol.state(), dave.state()

    assert dave.pay(carol.email, amount).outcome == (402, "insufficient_funds")

    assert (carol.state(), dave.state()) == before


def test_balance_cannot_pass_its_limit(ann: User, bob: User) -> None:
    """A top-up or payment that would carry a balance beyond its limit is refused, and nothing moves."""
    for _ in range(100):
        assert bob.top_up(LARGEST).outcome == (200, "ok")
    before = ann.state(), bob.state()
    assert bob.account()["balance"] == "10000000000000.00"

    assert bob.top_up("0.01").outcome == (422, "balance_limit_exceeded")
    assert ann.pay(bob.email, "0.01").outcome == (422, "balance_limit_exceeded")

    assert (ann.state(), bob.state()) == before
