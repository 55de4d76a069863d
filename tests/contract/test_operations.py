"""Any operation of the right shape goes through the ledger, and what it may not do is stopped before the COMMIT."""

from collections.abc import Collection
from typing import NamedTuple

import pytest

from shillings.ledger.book import Book, Links
from shillings.ledger.operation import Decision, Header, Needs
from shillings.ledger.outcomes import Outcome
from shillings.ledger.rows import AccountId, Kind, TransactionRow
from shillings.storage import executor as executors
from shillings.storage.executor import Connection
from shillings.storage.ledger_links import KnownLinks
from shillings.storage.sql import Bound
from tests.contract.bank import TOKEN, Bank, Somebody, header, payment, topup
from tests.values import new_id


class GiveBack(NamedTuple):
    """An operation that the service does not have: the receiver of a payment pays it back to whoever sent it."""

    header: Header
    transaction_id: bytes

    def needs(self) -> Needs:
        """The payment."""
        return Needs(transaction_ids=(self.transaction_id,))

    def accounts(self, links: Links) -> Collection[AccountId]:
        """Who sent it."""
        paid = links.transactions.get(self.transaction_id)
        return () if paid is None else (paid.sender_id,)

    def decide(self, book: Book) -> Outcome:
        """Pay it back."""
        paid = book.links.transactions.get(self.transaction_id)
        if paid is None or paid.receiver_id != self.header.user_id:
            return Outcome.RECEIVER_NOT_FOUND
        legs = (paid.receiver_id, -paid.amount_minor), (paid.sender_id, paid.amount_minor)
        back = TransactionRow(
            self.header.id,
            Kind.PAYMENT,
            paid.receiver_id,
            paid.receiver_email,
            paid.sender_id,
            paid.sender_email,
            paid.amount_minor,
        )
        book.post(back, *legs)
        return Outcome.OK


def give_back(user: Somebody, transaction_id: bytes, key: str = "") -> GiveBack:
    """A request to give back."""
    return GiveBack(header(user, key, TOKEN, "give back", transaction_id.hex()), transaction_id)


def test_operation_that_nobody_has_heard_of_is_executed(bank: Bank) -> None:
    """What an operation refers to is found, whom it names is locked, what it posts is written, its key is kept."""
    ann, bob = bank.user(100), bank.user()
    paid = payment(ann, bob, 30)
    bank.execute([paid])
    back = give_back(bob, paid.header.id, "key")
    decisions = bank.execute([back, topup(ann, 1), give_back(bob, paid.header.id, "key")])

    assert decisions[0] == Decision(Outcome.OK, back.header.id)
    assert decisions[2] == Decision(Outcome.OK, back.header.id, replayed=True)
    assert (bank.balance(ann), bank.balance(bob)) == (101, 0)
    assert bank.ledger()


def test_what_does_not_exist_or_is_somebody_elses_is_refused(bank: Bank) -> None:
    """A reference that leads nowhere is the operation's to refuse, and locks nobody."""
    ann, bob, cat = bank.user(100), bank.user(), bank.user()
    paid = payment(ann, bob, 30)
    bank.execute([paid])
    decisions = bank.execute([give_back(bob, new_id()), give_back(cat, paid.header.id)])

    assert [one.outcome for one in decisions] == [Outcome.RECEIVER_NOT_FOUND] * 2
    assert (bank.balance(ann), bank.balance(bob), bank.balance(cat)) == (70, 30, 0)


def test_email_that_was_nobodys_belongs_to_whoever_signs_up(bank: Bank) -> None:
    """A server that could not find a receiver finds them the moment they have signed up."""
    ann = bank.user(100)
    stranger = Somebody(b"", f"late-{bank.dialect.name}@example.com")
    known = bank.known = KnownLinks()
    assert bank.execute([payment(ann, stranger, 1)])[0].outcome is Outcome.RECEIVER_NOT_FOUND
    bob = bank.user(email=stranger.email)

    assert bank.execute([payment(ann, stranger, 1)])[0].outcome is Outcome.OK
    assert bank.known is known
    assert bank.balance(bob) == 1


class Short(Connection):
    """A connection whose first UPDATE misses one of the wallets, as if its row had gone."""

    commits = 0

    def commit(self, *statements: str) -> None:
        """Replace the last wallet's id by one that nobody has."""
        self.commits += 1
        if self.commits == 1:
            update, *others = statements
            assert update.startswith("UPDATE users")
            if isinstance(update, Bound):
                *first, last = update.rows
                statements = (Bound(update, [*first, (*last[:-1], new_id())]), *others)
            else:
                head, _, _ = update.rpartition("x'")
                statements = (f"{head}x'{new_id().hex()}')", *others)
        super().commit(*statements)


@pytest.mark.parametrize("size", [1, 3])
async def test_wrong_number_of_wallets_is_rolled_back(bank: Bank, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """When another number of wallets was changed than was meant, nothing is committed, and the executor goes on."""
    monkeypatch.setattr(executors, "Connection", Short)
    ann, others = bank.user(100), [bank.user() for _ in range(size)]
    before, executor = bank.ledger(), bank.executor()
    with pytest.raises(Exception, match=r"(?i)cannot be null|rows were changed"):
        await executor.run(bank.batch([payment(ann, other, 1, f"key {size}") for other in others]).execute)

    assert bank.ledger() == before
    [decision] = await executor.run(bank.batch([topup(ann, 1)]).execute)
    await executor.close()
    assert decision.outcome is Outcome.OK
    assert bank.balance(ann) == 101


def test_requirement_that_does_not_hold_stops_what_comes_behind_it(bank: Bank) -> None:
    """A statement that requires a number of changed rows lets the next one pass, or keeps it from being reached."""
    ann, connection = bank.user(), bank.open()
    update = f"UPDATE users SET phone = 'changed' WHERE user_id = x'{ann.user_id.hex()}'"
    changed = connection.dialect.changed
    connection.query(connection.dialect.begin, update, connection.dialect.require(f"{changed} = 1"), "COMMIT")
    with pytest.raises(Exception, match=r"(?i)out of range|malformed"):
        connection.query(
            connection.dialect.begin,
            update.replace("changed", "again"),
            connection.dialect.require(f"{changed} = 2"),
            "COMMIT",
        )
    connection.roll_back()

    assert bank.rows(f"SELECT phone FROM users WHERE user_id = x'{ann.user_id.hex()}'") == [("changed",)]
