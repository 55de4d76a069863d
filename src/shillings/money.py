"""Money: integers in minor units inside, decimal strings outside, never a float in between."""

import re

from shillings.errors import Code, Refusal

AMOUNT_MINOR_MAX = 10**13
"""The largest single payment or top-up: a hundred billion at two decimals. Far beyond any real one."""

BALANCE_MINOR_MAX = 10**15
"""The largest balance. It fits BIGINT and a double's 53 bits, so no client can misread it."""

_EXAMPLE = 'Write a decimal such as "12.50"'


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
        fraction = rf"(?:\.([0-9]{{1,{decimals}}}))?" if decimals else "()"
        # The JSON value's own bytes: a number or a string, no sign, no exponent, no superfluous zero.
        self._amount = re.compile(rf'("?)(0|[1-9][0-9]{{0,15}}){fraction}\1'.encode())
        self._too_precise = re.compile(rb'("?)(0|[1-9][0-9]{0,15})\.[0-9]{1,40}\1')

    def parse(self, raw: bytes, field: str = "amount") -> int:
        """Read an amount from its JSON bytes, exactly.

        Args:
            raw: a JSON number or string, as it stood in the body.
            field: the field's name, for the message.

        Returns:
            The amount in minor units, 1 to AMOUNT_MINOR_MAX.

        Raises:
            Refusal: `invalid_request`, naming the field.
        """
        match = self._amount.fullmatch(raw)
        if match is None:
            raise Refusal(Code.INVALID_REQUEST, self._why_not(raw, field))
        amount = int(match[2]) * self._scale
        if match[3]:
            amount += int(match[3].ljust(self.decimals, b"0"))
        if amount == 0:
            raise Refusal(Code.INVALID_REQUEST, f"{field} must be more than zero.")
        if amount > AMOUNT_MINOR_MAX:
            raise Refusal(Code.INVALID_REQUEST, f"{field} must be at most {self.format(AMOUNT_MINOR_MAX)}.")
        return amount

    def format(self, minor: int) -> str:
        """The decimal string of an amount in minor units; always with all decimals."""
        if not self.decimals:
            return str(minor)
        sign = "-" if minor < 0 else ""
        whole, fraction = divmod(abs(minor), self._scale)
        return f"{sign}{whole}.{fraction:0{self.decimals}d}"

    def _why_not(self, raw: bytes, field: str) -> str:
        if self._too_precise.fullmatch(raw):
            return f"{field} has more decimals than {self.code} allows ({self.decimals}). {_EXAMPLE}."
        if raw[:1] == b"-" or raw[:2] == b'"-':
            return f"{field} must be more than zero."
        if re.fullmatch(rb'("?)[1-9][0-9]{16,}(\.[0-9]+)?\1', raw):
            return f"{field} must be at most {self.format(AMOUNT_MINOR_MAX)}."
        return f"{field} is not an amount of money. {_EXAMPLE}: digits, at most {self.decimals} decimals, no exponent."
