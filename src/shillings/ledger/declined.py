"""Declined operations: the ledger says no because it was told to, and remembers that like any other refusal."""

from collections.abc import Collection
from typing import NamedTuple

from shillings.ledger.book import Book, Links
from shillings.ledger.operation import Header, Needs, Operation
from shillings.ledger.outcomes import Outcome
from shillings.ledger.payment import Payment
from shillings.ledger.rows import AccountId


class Declined(NamedTuple):
    """An operation that comes to this outcome, whatever it would come to.

    Args:
        operation: what was asked for.
        outcome: the refusal.
    """

    operation: Operation
    outcome: Outcome

    @property
    def header(self) -> Header:
        """See Operation: the operation's own, so that its key remembers the refusal."""
        return self.operation.header

    def needs(self) -> Needs:
        """See Operation."""
        return self.operation.needs()

    def accounts(self, links: Links) -> Collection[AccountId]:
        """See Operation."""
        return self.operation.accounts(links)

    def decide(self, book: Book) -> Outcome:
        """See Operation. Who listens hears of it as of a real one."""
        assert self.outcome is not Outcome.OK, "a declined operation moves nothing"
        if isinstance(self.operation, Payment):
            self.operation.tell_declined(book, self.outcome)
        return self.outcome
