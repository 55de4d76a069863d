"""Fixtures: people and their payments, stored at one go or not at all."""

from collections.abc import Sequence

from shillings.ledger.book import Book
from shillings.storage.accounts import NewUser, insert_user, owner_of
from shillings.storage.executor import Connection
from shillings.storage.ledger_writes import statements


class EmailTaken(Exception):
    """Somebody has an email already. Nothing was stored.

    Args:
        place: which of the users it is, from 0.
    """

    def __init__(self, place: int) -> None:
        super().__init__(f"the email of user {place} is somebody's")
        self.place = place


def add_fixture(connection: Connection, users: Sequence[NewUser], book: Book) -> None:
    """Store new users and everything that their book holds, in one transaction.

    Safe to run twice: ids are made before, so users stored by an earlier run are known as our own.

    Raises:
        EmailTaken: nothing was stored.
    """
    with connection.transaction():
        if users and owner_of(connection, users[0].email) == users[0].user_id:
            return
        for place, user in enumerate(users):
            insert_user(connection, user)
            if owner_of(connection, user.email) != user.user_id:
                raise EmailTaken(place)
        if writes := statements(book.rows, book.now, connection.dialect):
            connection.query(*writes)
