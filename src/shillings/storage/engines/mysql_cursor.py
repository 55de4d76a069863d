"""A cursor and a packet for PyMySQL. Errors are logged, and the server quotes values, so these tell nobody's data."""

import re
from typing import Any

import pymysql
from pymysql import cursors

from shillings.storage.engines.base import Rows
from shillings.storage.engines.mysql_answers import ask

_CLIENT_CODES = range(2000, 3000)
# No such table, column or database, access denied: what these quote are names from the schema or the settings.
_TELLING_CODES = {1044, 1045, 1049, 1054, 1146}

# The server ends such a sentence with the name of a key or a column; a value before it may have any text.
_ABOUT = re.compile(r"(.*)( for (?:key|column) .*)", re.DOTALL)
_QUOTED = re.compile(r"'.*'", re.DOTALL)


class Cursor(cursors.Cursor):
    """See PyMySQL's."""

    def execute(self, query: str, args: Any = None) -> int:
        """See PyMySQL's."""
        try:
            return super().execute(query, args)
        except pymysql.MySQLError as error:
            _hide_values(error)
            raise

    def nextset(self) -> bool | None:
        """See PyMySQL's. Of several statements, any but the first fails here."""
        try:
            return super().nextset()
        except pymysql.MySQLError as error:
            _hide_values(error)
            raise


def send_packet(driver: Any, packet: str) -> list[Rows]:
    """Send statements on a connection of PyMySQL's; return each one's rows. See mysql_answers."""
    try:
        return ask(driver, packet)
    except pymysql.MySQLError as error:
        _hide_values(error)
        raise


def hide_values(message: str) -> str:
    """A sentence of the server's without what it quotes, but for the name of the key or column at its end.

    >>> hide_values("Duplicate entry 'ann@example.com' for key 'users.email'")
    "Duplicate entry '...' for key 'users.email'"
    """
    about = _ABOUT.fullmatch(message)
    sentence, rest = (about[1], about[2]) if about else (message, "")
    return _QUOTED.sub("'...'", sentence) + rest


def _hide_values(error: pymysql.MySQLError) -> None:
    code, *texts = error.args or (0,)
    if code not in _CLIENT_CODES and code not in _TELLING_CODES:
        error.args = (code, *[hide_values(text) if isinstance(text, str) else text for text in texts])
