"""SQL text with its values in it, for the ledger's few statements.

A batch's statement is built once and handed to the driver as it is: binding each value through a driver costs
several times what the database itself does with it. The form of a value is the same on every engine: integers
in digits, bytes in hex, text in quotes. Text needs only its quotes doubled, because every connection runs with
NO_BACKSLASH_ESCAPES (see engine.py) and SQLite knows no backslash escapes.
"""

from collections.abc import Iterable

Value = int | bytes | str


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
