"""Amounts are read exactly or refused, and written with all their decimals."""

# ruff: noqa: RUF001 - letters that look like others are what some tests are about

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shillings.errors import Code, Refusal
from shillings.money import AMOUNT_MINOR_MAX, BALANCE_MINOR_MAX, Currency
from shillings.web.shapes import TopupBody

CURRENCIES = {decimals: Currency("XXX", decimals) for decimals in range(5)}
USD = CURRENCIES[2]

READ = [
    (2, b'"12.50"', 1250),
    (2, b'"12.5"', 1250),
    (2, b'"12"', 1200),
    (2, b"12.50", 1250),
    (2, b"12", 1200),
    (2, b"0.01", 1),
    (2, b'"100000000000.00"', AMOUNT_MINOR_MAX),
    (0, b'"1250"', 1250),
    (0, b"1", 1),
    (0, b'"10000000000000"', AMOUNT_MINOR_MAX),
    (3, b'"1.234"', 1234),
    (3, b"0.001", 1),
    (4, b"0.0001", 1),
]

ZERO, TOO_MUCH, TOO_PRECISE, NONE = "more than zero", "at most", "more decimals", "not an amount"
REFUSED = [
    (2, b"0", ZERO),
    (2, b'"0.00"', ZERO),
    (2, b"-0", ZERO),
    (2, b"-1", ZERO),
    (2, b'"-1.00"', ZERO),
    (2, b'"100000000000.01"', TOO_MUCH),
    (2, b"9" * 5000, TOO_MUCH),
    (2, b'"' + b"9" * 5000 + b'"', TOO_MUCH),
    (2, b"9223372036854775807", TOO_MUCH),
    (0, b"10000000000001", TOO_MUCH),
    (2, b"1.001", TOO_PRECISE),
    (2, b'"1.000"', TOO_PRECISE),
    (0, b'"1.5"', TOO_PRECISE),
    (0, b"1.0", TOO_PRECISE),
    (3, b"0.0001", TOO_PRECISE),
    (2, b"1e3", NONE),
    (2, b'"1e3"', NONE),
    (2, b"1E-2", NONE),
    (2, b'"NaN"', NONE),
    (2, b'"Infinity"', NONE),
    (2, b"true", NONE),
    (2, b"null", NONE),
    (2, b"[1]", NONE),
    (2, b'{"amount":1}', NONE),
    (2, b'""', NONE),
    (2, b'"1."', NONE),
    (2, b'".5"', NONE),
    (2, b'"01.00"', NONE),
    (2, b'"+1.00"', NONE),
    (2, b'"1_000"', NONE),
    (2, b'"1,000"', NONE),
    (2, b'" 1.00"', NONE),
    (2, b'"1.00\n"', NONE),
    (2, b'"\\u0031"', NONE),
    (2, '"１２"'.encode(), NONE),
    (2, '"١٢"'.encode(), NONE),
    (2, b'"1', NONE),
    (2, b'"1.' + b"0" * 5000 + b'"', NONE),
    (2, b"", NONE),
]


@pytest.mark.parametrize(("decimals", "raw", "minor"), READ)
def test_amount_is_read_exactly(decimals: int, raw: bytes, minor: int) -> None:
    """A decimal string or JSON number becomes its minor units, whatever the currency's decimals."""
    assert CURRENCIES[decimals].parse(raw) == minor


@pytest.mark.parametrize(("decimals", "raw", "reason"), REFUSED)
def test_what_is_no_amount_is_refused(decimals: int, raw: bytes, reason: str) -> None:
    """Zero, negative, too large, too precise and anything else are refused with the field and the reason."""
    with pytest.raises(Refusal, match=reason) as refused:
        CURRENCIES[decimals].parse(raw, "fee")

    assert refused.value.code is Code.INVALID_REQUEST
    assert refused.value.message.startswith("fee ")
    assert len(refused.value.message) < 200


@pytest.mark.parametrize("json", [b"NaN", b"Infinity", b"-Infinity", b"01", b"1.", b"0x10"])
def test_what_is_no_json_never_gets_to_be_an_amount(json: bytes) -> None:
    """The body's decoder refuses numbers that JSON does not know."""
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(b'{"amount":' + json + b"}", type=TopupBody)


@given(st.integers(1, AMOUNT_MINOR_MAX), st.sampled_from(list(CURRENCIES)))
def test_what_is_written_is_read_back(minor: int, decimals: int) -> None:
    """Every amount survives the way out as a string and back in, as a string and as a number."""
    text = CURRENCIES[decimals].format(minor).encode()

    assert CURRENCIES[decimals].parse(text) == minor
    assert CURRENCIES[decimals].parse(b'"' + text + b'"') == minor


@given(st.one_of(st.binary(), st.text('0123456789."-+eE').map(str.encode)))
def test_any_bytes_are_an_exact_amount_or_refused(raw: bytes) -> None:
    """Whatever the bytes, the result is the exact amount within its bounds, or a refusal."""
    try:
        minor = USD.parse(raw)
    except Refusal:
        return

    assert 1 <= minor <= AMOUNT_MINOR_MAX
    assert Decimal(raw.strip(b'"').decode()) * 100 == minor


@pytest.mark.parametrize(
    ("decimals", "minor", "text"),
    [
        (2, 0, "0.00"),
        (2, 5, "0.05"),
        (2, -5, "-0.05"),
        (2, -1250, "-12.50"),
        (0, 7, "7"),
        (0, -7, "-7"),
        (3, 1, "0.001"),
    ],
)
def test_amount_is_written_with_all_decimals(decimals: int, minor: int, text: str) -> None:
    """Amounts go out with exactly the currency's decimals, and with their sign."""
    assert CURRENCIES[decimals].format(minor) == text


def test_largest_balance_fits_a_double() -> None:
    """No client that reads numbers as doubles can misread a balance."""
    assert BALANCE_MINOR_MAX < 2**53
    assert AMOUNT_MINOR_MAX <= BALANCE_MINOR_MAX
