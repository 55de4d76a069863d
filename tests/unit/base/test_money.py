"""Amounts are read exactly or refused, and written with all their decimals."""

# ruff: noqa: RUF001 - letters that look like others are what some tests are about

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shillings.base.errors import Code, Refusal
from shillings.base.money import AMOUNT_MINOR_MAX, BALANCE_MINOR_MAX, Currency, iso_decimals
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
    (2, b'"12.500"', 1250),
    (2, b"1.000", 100),
    (2, b'"1.' + b"0" * 100 + b'"', 100),
    (0, b"1.0", 1),
    (0, b'"1500.00"', 1500),
    (2, b"1e2", 10_000),
    (2, b"1E+2", 10_000),
    (2, b"1.25e1", 1250),
    (2, b"1250e-2", 1250),
    (2, b"1E-2", 1),
    (2, b"12500000e-6", 1250),
    (0, b"1.5e3", 1500),
    (2, b"0." + b"0" * 80 + b"1e83", 10_000),
]

ZERO, TOO_MUCH, TOO_PRECISE, NONE = "more than zero", "must be at most", "more decimals", "not an amount"
TOO_LONG = "more than 128 characters"
REFUSED = [
    (2, b"0", ZERO),
    (2, b'"0.00"', ZERO),
    (2, b"-0", ZERO),
    (2, b"-1", ZERO),
    (2, b'"-1.00"', ZERO),
    (2, b'"100000000000.01"', TOO_MUCH),
    (2, b"9" * 100, TOO_MUCH),
    (2, b"9" * 5000, TOO_LONG),
    (2, b'"' + b"9" * 5000 + b'"', TOO_LONG),
    (2, b"9223372036854775807", TOO_MUCH),
    (0, b"10000000000001", TOO_MUCH),
    (2, b"1.001", TOO_PRECISE),
    (0, b'"1.5"', TOO_PRECISE),
    (3, b"0.0001", TOO_PRECISE),
    (2, b'"1e3"', NONE),
    (2, b"1E-3", TOO_PRECISE),
    (2, b"1e-9999", TOO_PRECISE),
    (2, b"1e9999", TOO_MUCH),
    (2, b"0e9999", ZERO),
    (2, b"-1e2", ZERO),
    (2, b"1e99999", NONE),
    (2, b"1e", NONE),
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
    (2, b'"1.' + b"0" * 5000 + b'"', TOO_LONG),
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
    assert refused.value.field == "fee"
    assert len(refused.value.message) < 200


@pytest.mark.parametrize("json", [b"NaN", b"Infinity", b"-Infinity", b"01", b"1.", b"0x10"])
def test_what_is_no_json_never_gets_to_be_an_amount(json: bytes) -> None:
    """The body's decoder refuses numbers that JSON does not know."""
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(b'{"amount":' + json + b"}", type=TopupBody)


@pytest.mark.parametrize(("decimals", "example"), [(0, '"12"'), (2, '"12.50"'), (3, '"12.500"')])
def test_advice_is_in_this_currency(decimals: int, example: str) -> None:
    """The example in a refusal is an amount that this currency takes."""
    with pytest.raises(Refusal, match=example):
        CURRENCIES[decimals].parse(b'"1.2345678"')

    assert CURRENCIES[decimals].parse(example.encode()) > 0


@given(st.integers(1, AMOUNT_MINOR_MAX), st.sampled_from(list(CURRENCIES)), st.integers(0, 20), st.integers(-20, 20))
def test_trailing_zeros_and_exponents_change_nothing(minor: int, decimals: int, zeros: int, shift: int) -> None:
    """An amount with zeros behind it, or with its point moved and an exponent that moves it back, is the same."""
    text = CURRENCIES[decimals].format(minor)
    longer = (text if decimals else f"{text}.0") + "0" * zeros
    moved = f"{Decimal(text).scaleb(shift):f}e{-shift}"

    assert CURRENCIES[decimals].parse(longer.encode()) == minor
    assert CURRENCIES[decimals].parse(moved.encode()) == minor


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


DECIMALS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: "USD EUR GBP CHF INR SGD TWD HUF IDR MGA MRU PKR",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
"""From the list of ISO 4217's maintenance agency; of those with two decimals, some that are taken for others."""


@pytest.mark.parametrize(("decimals", "code"), [(n, code) for n, codes in DECIMALS.items() for code in codes.split()])
def test_currency_has_the_decimals_of_the_standard(decimals: int, code: str) -> None:
    """Unless they are set, a currency's decimals are those of ISO 4217."""
    assert iso_decimals(code) == decimals
