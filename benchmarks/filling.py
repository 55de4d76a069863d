"""Fills a database with users and history, by the million where that is wanted.

On MariaDB the server makes the rows itself, out of its sequence engine: nothing travels but a few statements. What
is made obeys every invariant of the ledger, so that all of it can be checked afterwards.

In the history everybody pays the next one, in turn, again and again: payment number k is made by user k mod users.
"""

import asyncio
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

import pymysql
from pymysql.cursors import Cursor

from benchmarks.population import BALANCE, email, user_id
from shillings.auth.passwords import Passwords

PASSWORD = "correct horse battery"
"""Everybody's."""

_ROWS_MAX = 250_000
_BORN = "2025-01-01 00:00:00.000000"
_FIRST_PAYMENT_MS = 1_735_689_600_000
"""The same moment in Unix milliseconds."""

_USER_ID = "UNHEX(CONCAT('01900000000070008000',LPAD(HEX({n}),12,'0')))"
_EMAIL = "CONCAT('user',LPAD({n},7,'0'),'@bench.example')"
_TOPUP_ID = "UNHEX(CONCAT('01900000000170008000',LPAD(HEX({n}),12,'0')))"
_PAYMENT_ID = f"UNHEX(CONCAT(LPAD(HEX({_FIRST_PAYMENT_MS} + ({{n}})),12,'0'),'70008000',LPAD(HEX({{n}}),12,'0')))"


def password_hash() -> str:
    """The hash of everybody's password, made as the service makes it."""

    async def make() -> str:
        passwords = Passwords(1)
        try:
            return await passwords.hash(PASSWORD)
        finally:
            await passwords.close()

    return asyncio.run(make())


class Filling:
    """Puts users and history into an empty database of MariaDB or MySQL that has the schema.

    Args:
        connection: to the database, committing each statement.
        users: how many.
        history: how many payments there have been; a multiple of `users`.
    """

    def __init__(self, connection: "pymysql.Connection[Cursor]", users: int, history: int = 0) -> None:
        assert history % users == 0, "everybody has paid equally often"
        self._connection = connection
        self._users = users
        self._history = history
        self._has_sequences = True

    def run(self) -> Iterator[float]:
        """Do it, piece by piece; yields what share is done."""
        with self._connection.cursor() as cursor:
            cursor.execute("SELECT VERSION()")
            self._has_sequences = "MariaDB" in str(cursor.fetchone())
            cursor.execute("SET SESSION unique_checks = 0")
            if not self._has_sequences:
                cursor.execute(f"SET SESSION cte_max_recursion_depth = {_ROWS_MAX}")
            statements = [*self._user_statements(), *self._history_statements()]
            for done, statement in enumerate(statements, start=1):
                cursor.execute(statement)
                yield done / len(statements)

    def _user_statements(self) -> Iterator[str]:
        cycles = self._history // self._users
        hashed = password_hash()
        n = "seq"
        for first, last in _pieces(self._users):
            source = f"FROM {self._numbers(first, last)}"
            user, mail, topup = _USER_ID.format(n=n), _EMAIL.format(n=n), _TOPUP_ID.format(n=n)
            yield (
                "INSERT INTO users (user_id, first_name, middle_name, last_name, email, phone, balance, entry_count,"
                f" created_at, updated_at) SELECT {user}, 'Ann', '', 'Lee', {mail}, '', {BALANCE},"
                f" {1 + 2 * cycles}, '{_BORN}', '{_BORN}' {source}"
            )
            yield f"INSERT INTO emails (email, user_id) SELECT {mail}, {user} {source}"
            yield (
                "INSERT INTO credentials (credential_id, user_id, email, password, updated_at, last_login)"
                f" SELECT {topup}, {user}, {mail}, '{hashed}', '{_BORN}', NULL {source}"
            )
            yield (
                "INSERT INTO transactions (transaction_id, kind, sender_id, sender_email, receiver_id,"
                f" receiver_email, amount, created_at) SELECT {topup}, 'topup', REPEAT(x'00', 16), '', {user}, {mail},"
                f" {BALANCE}, '{_BORN}' {source}"
            )
            if not cycles:
                yield (
                    "INSERT INTO entries (account_id, seq, transaction_id, amount, balance)"
                    f" SELECT {user}, 1, {topup}, {BALANCE}, {BALANCE} {source}"
                )

    def _history_statements(self) -> Iterator[str]:
        users, cycles = self._users, self._history // self._users
        sender, receiver = f"seq % {users}", f"(seq + 1) % {users}"
        for first, last in _pieces(self._history):
            yield (
                "INSERT INTO transactions (transaction_id, kind, sender_id, sender_email, receiver_id,"
                f" receiver_email, amount, created_at) SELECT {_PAYMENT_ID.format(n='seq')}, 'payment',"
                f" {_USER_ID.format(n=sender)}, {_EMAIL.format(n=sender)},"
                f" {_USER_ID.format(n=receiver)}, {_EMAIL.format(n=receiver)}, 1,"
                f" TIMESTAMPADD(MICROSECOND, seq * 1000, '{_BORN}') FROM {self._numbers(first, last)}"
            )
        if cycles:
            # One account after the other, as the primary key has them: the top-up, then two entries of each cycle.
            for first, last in _pieces(users * (1 + 2 * cycles)):
                yield self._entries(first, last, 1 + 2 * cycles)

    def _entries(self, first: int, last: int, each: int) -> str:
        """Of each account's entries, number 0 is the top-up; then, in each cycle, it is paid and pays.

        User 0 pays first: his payment begins the cycle, and the last user's, to him, ends it.
        """
        account, entry = f"seq DIV {each}", f"(seq % {each})"
        cycle, is_second = f"(({entry} - 1) DIV 2)", f"(({entry} - 1) % 2)"
        pays = f"(({account} = 0) = ({is_second} = 0))"
        payment = f"{cycle} * {self._users} + IF({pays}, {account}, ({account} + {self._users - 1}) % {self._users})"
        return (
            "INSERT INTO entries (account_id, seq, transaction_id, amount, balance)"
            f" SELECT {_USER_ID.format(n=account)}, {entry} + 1,"
            f" IF({entry} = 0, {_TOPUP_ID.format(n=account)}, {_PAYMENT_ID.format(n=payment)}),"
            f" IF({entry} = 0, {BALANCE}, IF({pays}, -1, 1)),"
            f" {BALANCE} + IF({entry} = 0 OR {is_second} = 1, 0, IF({account} = 0, -1, 1))"
            f" FROM {self._numbers(first, last)}"
        )

    def _numbers(self, first: int, last: int) -> str:
        """A table whose column `seq` has the numbers from first to last."""
        if self._has_sequences:
            return f"seq_{first}_to_{last}"
        return (
            f"(WITH RECURSIVE numbers (seq) AS (SELECT {first} UNION ALL SELECT seq + 1 FROM numbers"
            f" WHERE seq < {last}) SELECT seq FROM numbers) AS counted"
        )


def fill_sqlite(path: Path, users: int) -> None:
    """Put users into an empty SQLite database that has the schema and that nobody uses."""
    hashed = password_hash()
    connection = sqlite3.connect(path)
    try:
        with connection:
            _insert(connection, "users", [_user_row(n) for n in range(users)])
            _insert(connection, "emails", [(email(n), user_id(n)) for n in range(users)])
            _insert(
                connection,
                "credentials",
                [(_topup_id(n), user_id(n), email(n), hashed, _BORN, None) for n in range(users)],
            )
            _insert(
                connection,
                "transactions",
                [(_topup_id(n), "topup", bytes(16), "", user_id(n), email(n), BALANCE, _BORN) for n in range(users)],
            )
            _insert(connection, "entries", [(user_id(n), 1, _topup_id(n), BALANCE, BALANCE) for n in range(users)])
    finally:
        connection.close()


_SQLITE_COLUMNS = {
    "users": "user_id, first_name, middle_name, last_name, email, phone, balance, entry_count, created_at, updated_at",
    "emails": "email, user_id",
    "credentials": "credential_id, user_id, email, password, updated_at, last_login",
    "transactions": "transaction_id, kind, sender_id, sender_email, receiver_id, receiver_email, amount, created_at",
    "entries": "account_id, seq, transaction_id, amount, balance",
}


def _insert(connection: sqlite3.Connection, table: str, rows: list[tuple[object, ...]]) -> None:
    columns = _SQLITE_COLUMNS[table]
    marks = ",".join("?" * len(columns.split(",")))
    connection.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)


def _user_row(number: int) -> tuple[object, ...]:
    return (user_id(number), "Ann", "", "Lee", email(number), "", BALANCE, 1, _BORN, _BORN)


def _topup_id(number: int) -> bytes:
    return bytes.fromhex("01900000000170008000") + number.to_bytes(6, "big")


def _pieces(rows: int) -> Iterable[tuple[int, int]]:
    """First and last number of pieces that one transaction can hold without strain."""
    return [(first, min(first + _ROWS_MAX, rows) - 1) for first in range(0, rows, _ROWS_MAX)]
