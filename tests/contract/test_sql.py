"""Values written into statements come back as they are, on every database; none of them is ever SQL."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shillings.storage.sql import in_list, literal
from tests.contract.bank import Bank

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
NUMBERS = st.integers(-(2**63), 2**63 - 1)


def back(bank: Bank, *values: int | bytes | str) -> list[object]:
    """What the database makes of values."""
    [[row]] = bank.connection.query(f"SELECT {', '.join(map(literal, values))}")
    return list(row)


@given(values=st.lists(TEXT, min_size=1, max_size=5))
@example(values=["'", "\\", "\\'", "''", "';--", "/*", "*/", "%s", "%", ":x", "?", "`", '"', "\n", "\r", "\t", "\x1a"])
@example(values=["\u2019", "\U0001f4b7", "\ufeff", "\u202e", "e\u0301", "x" * 70_000])
def test_text_comes_back(bank: Bank, values: list[str]) -> None:
    """Any text without NUL is the same text afterwards."""
    assert back(bank, *values) == values


@given(values=st.lists(st.binary(), min_size=1, max_size=5))
def test_bytes_come_back(bank: Bank, values: list[bytes]) -> None:
    """Any bytes are the same bytes afterwards."""
    assert [bytes(value) if isinstance(value, bytes) else value for value in back(bank, *values)] == values


@given(values=st.lists(NUMBERS, min_size=1, max_size=5))
@example(values=[-(2**63), 2**63 - 1, 0, True])
def test_numbers_come_back(bank: Bank, values: list[int]) -> None:
    """Any 64-bit number is the same number afterwards."""
    assert back(bank, *values) == values


@given(needle=TEXT, others=st.lists(TEXT, max_size=5))
def test_list_holds_what_it_was_made_of(bank: Bank, needle: str, others: list[str]) -> None:
    """IN finds a value in its list, and statements that travel together stay apart."""
    found, alone = bank.connection.query(
        f"SELECT {literal(needle)} IN ({in_list([*others, needle])})", f"SELECT {literal(needle)}"
    )

    assert (bool(found[0][0]), alone[0][0]) == (True, needle)


def test_nul_is_refused() -> None:
    """Text with a NUL, which SQLite would cut off, is refused before it gets there."""
    with pytest.raises(ValueError, match="NUL"):
        literal("a\0b")


def test_answers_that_travel_together_stay_apart(bank: Bank) -> None:
    """Each statement gets its own rows: none where it has none, and none of those before a statement that fails."""
    ann = bank.user(7)
    where = f"WHERE user_id = x'{ann.user_id.hex()}'"
    answers = bank.connection.query(
        bank.connection.dialect.begin,
        f"SELECT balance FROM users {where}",
        f"UPDATE users SET phone = '1' {where}",
        f"SELECT phone, balance FROM users {where}",
        f"SELECT balance FROM users {where} AND balance < 0",
        "ROLLBACK",
    )

    assert [[tuple(row) for row in rows] for rows in answers] == [[], [(7,)], [], [("1", 7)], [], []]
    with pytest.raises(Exception, match=r"(?i)no such table|doesn't exist"):
        bank.connection.query("SELECT 1", "SELECT 1 FROM nowhere", f"UPDATE users SET balance = 0 {where}")
    assert [tuple(row) for row in bank.connection.query(f"SELECT balance FROM users {where}")[0]] == [(7,)]
