"""What a process remembers of what operations refer to, and what it must not."""

from typing import cast

from shillings.ledger.operation import Operation
from shillings.storage.engines import Rows
from shillings.storage.executor import Connection
from shillings.storage.ledger_links import LINKS, KnownLinks
from tests.unit.ledger.operations import ANN, BOB, EMAILS, NOBODY, payment


class Emails:
    """Stands in for a connection: it knows some emails, and may be overtaken by another epoch."""

    def __init__(self) -> None:
        self.owners = {EMAILS[BOB]: BOB}
        self.asked = 0
        self.known = KnownLinks()
        self.overtaken = False

    def query(self, *statements: str) -> list[Rows]:
        """Answer, and let another epoch begin before anybody hears the answer."""
        self.asked += 1
        found = [(email, owner) for email, owner in self.owners.items() if email in statements[0]]
        if self.overtaken:
            self.known.clear()
        return [found]

    def find(self, *receivers: str) -> dict[str, bytes]:
        """Whose these emails are."""
        operations: list[Operation] = [payment(ANN, receiver, 1) for receiver in receivers]
        return dict(self.known.find(cast(Connection, self), operations).users)


def test_receiver_is_read_once_and_nobody_every_time() -> None:
    """Whose an email is stays true; that it is nobody's may end at any moment."""
    emails = Emails()

    assert emails.find(EMAILS[BOB], NOBODY) == {EMAILS[BOB]: BOB}
    assert emails.find(EMAILS[BOB]) == {EMAILS[BOB]: BOB}
    assert emails.asked == 1
    emails.owners[NOBODY] = ANN
    assert emails.find(EMAILS[BOB], NOBODY) == {EMAILS[BOB]: BOB, NOBODY: ANN}
    assert emails.asked == 2


def test_emails_that_are_remembered_have_a_bound() -> None:
    """What is remembered of receivers is bounded by the length of their emails together: the oldest makes room."""
    emails = Emails()
    emails.known = KnownLinks((LINKS[0]._replace(remembered_bytes_max=len(EMAILS[BOB]) + 1),))
    emails.owners[EMAILS[ANN]] = ANN
    for receiver in (EMAILS[BOB], EMAILS[BOB], EMAILS[ANN], EMAILS[BOB]):
        assert emails.find(receiver) == {receiver: emails.owners[receiver]}

    assert emails.asked == 3


def test_what_is_read_while_another_epoch_begins_is_not_remembered() -> None:
    """The owner of an email in the books of before is forgotten, even where it was still being read."""
    emails = Emails()
    emails.overtaken = True
    assert emails.find(EMAILS[BOB]) == {EMAILS[BOB]: BOB}
    emails.owners[EMAILS[BOB]] = ANN

    assert emails.find(EMAILS[BOB]) == {EMAILS[BOB]: ANN}
