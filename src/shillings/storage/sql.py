"""SQL text with its values in it, for the ledger's few statements.

A batch's statement is built once and handed to the driver as it is: binding each value through a driver costs
several times what the database itself does with it. The form of a value is the same on every engine: integers
in digits, bytes in hex, text in quotes. Text needs only its quotes doubled, because every connection runs with
NO_BACKSLASH_ESCAPES (see engines/mysql.py) and SQLite knows no backslash escapes.
"""

from collections.abc import Iterable, Sequence
from typing import Self

Value = int | bytes | str


class Bound(str):
    """A statement with a row of values beside it for each time it is run, where that is the quicker way (SQLite).

    Args:
        text: the statement, with a question mark for each value.
        rows: the values.
    """

    __slots__ = ("rows",)
    rows: Sequence[tuple[Value, ...]]

    def __new__(cls, text: str, rows: Sequence[tuple[Value, ...]]) -> Self:
        """See the class."""
        made = super().__new__(cls, text)
        made.rows = rows
        return made


def literal(value: Value) -> str:
    r"""One value as SQL.

    >>> literal(7), literal(b"\x01\xff"), literal("it's")
    ('7', "x'01ff'", "'it''s'")

    Raises:
        ValueError: text with a NUL character, which SQLite would cut off.
    """
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError("text for the database has a NUL character")
        return "'" + value.replace("'", "''") + "'"
    return str(int(value))


def in_list(values: Iterable[Value]) -> str:
    """The inside of an IN list.

    >>> in_list([1, 2])
    '1,2'
    """
    return ",".join([literal(value) for value in values])


def id_list(ids: Iterable[bytes]) -> str:
    r"""The same for ids, of which the ledger has many.

    >>> id_list([b"\x01\xff", b"\x02\x00"])
    "x'01ff',x'0200'"
    """
    return ",".join([f"x'{value.hex()}'" for value in ids])
