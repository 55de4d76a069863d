"""Money: integers in minor units inside, decimal strings outside, never a float in between."""

import re

from shillings.base.errors import invalid

AMOUNT_MINOR_MAX = 10**13
"""The largest single payment or top-up: a hundred billion at two decimals. Far beyond any real one."""

BALANCE_MINOR_MAX = 10**15
"""The largest balance. It fits BIGINT and a double's 53 bits, so no client can misread it."""

AMOUNT_BYTES_MAX = 128
"""The longest text of an amount. Nobody needs more zeros, and no work may grow with what anybody sends."""

_OTHER_DECIMALS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_NUMBER = re.compile(rb"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]{1,4}))?")
_DECIMAL = re.compile(rb'"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?()"')


def iso_decimals(code: str) -> int:
    """How many decimals ISO 4217 gives a currency; two for a code that it does not list.

    >>> iso_decimals("USD"), iso_decimals("JPY"), iso_decimals("BHD")
    (2, 0, 3)
    """
    return next((decimals for decimals, codes in _OTHER_DECIMALS.items() if code in codes.split()), 2)


class Currency:
    """One currency: its ISO code and how many decimals its amounts have.

    >>> usd = Currency("USD", 2)
    >>> usd.parse(b'"12.5"'), usd.format(1250)
    (1250, '12.50')
    """

    def __init__(self, code: str, decimals: int) -> None:
        self.code = code
        self.decimals = decimals
        self._scale: int = 10**decimals
        self.example = f"12.5{'0' * decimals}"[: 3 + decimals] if decimals else "12"
        fraction = rf"(?:\.([0-9]{{1,{decimals}}}))?" if decimals else "()"
        # Nearly all amounts are so: a number or a string, no sign, no exponent, no superfluous zero.
        self._usual = re.compile(rf'("?)(0|[1-9][0-9]{{0,15}}){fraction}\1'.encode())

    def __str__(self) -> str:
        return f"{self.code}/{self.decimals}"

    def parse(self, raw: bytes, field: str = "amount") -> int:
        """Read an amount from its JSON bytes, exactly.

        Args:
            raw: a JSON number or string, as it was in the body.
            field: the field's name, for the message.

        Returns:
            The amount in minor units, 1 to AMOUNT_MINOR_MAX.

        Raises:
            Refusal: `invalid_request`, naming the field.
        """
        match = self._usual.fullmatch(raw)
        if match is None:
            amount = self._parse_unusual(raw, field)
        else:
            amount = int(match[2]) * self._scale
            if match[3]:
                amount += int(match[3].ljust(self.decimals, b"0"))
        if amount == 0:
            raise invalid(field, "must be more than zero.")
        if amount > AMOUNT_MINOR_MAX:
            raise invalid(field, f"must be at most {self.format(AMOUNT_MINOR_MAX)}.")
        return amount

    def format(self, minor: int) -> str:
        """The decimal string of an amount in minor units; always with all decimals."""
        if not self.decimals:
            return str(minor)
        sign = "-" if minor < 0 else ""
        whole, fraction = divmod(abs(minor), self._scale)
        return f"{sign}{whole}.{fraction:0{self.decimals}d}"

    def _parse_unusual(self, raw: bytes, field: str) -> int:
        """An amount with an exponent, or with more zeros than it needs; exact all the same, or refused."""
        if len(raw) > AMOUNT_BYTES_MAX:
            raise invalid(field, f"has more than {AMOUNT_BYTES_MAX} characters. {self._advice}.")
        match = _NUMBER.fullmatch(raw) or _DECIMAL.fullmatch(raw)
        if match is None:
            raise invalid(field, f"is not an amount of money. {self._advice}.")
        sign, whole, fraction, exponent = match[1], match[2], match[3] or b"", int(match[4] or 0)
        digits = int(whole + fraction)
        if digits == 0 or sign:
            return 0
        # The amount is `digits` with the decimal point moved so many places to the right, or to the left.
        places = exponent - len(fraction) + self.decimals
        if places + len(whole + fraction) > 2 * AMOUNT_BYTES_MAX:
            return AMOUNT_MINOR_MAX + 1
        if places >= 0:
            return digits * int(10**places)
        amount, rest = divmod(digits, int(10 ** min(-places, AMOUNT_BYTES_MAX)))
        if rest:
            raise invalid(field, f"has more decimals than {self.code} allows ({self.decimals}). {self._advice}.")
        return amount

    @property
    def _advice(self) -> str:
        if not self.decimals:
            return f'Write a whole number such as "{self.example}"'
        return f'Write a decimal such as "{self.example}", with at most {self.decimals} decimals'
