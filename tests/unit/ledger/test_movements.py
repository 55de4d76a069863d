"""Refunds and holds: each is decided once, in the order of the outcomes, and no mixture makes or loses money."""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shillings.base.money import BALANCE_MINOR_MAX
from shillings.ledger.book import Book, Links
from shillings.ledger.events import Audience
from shillings.ledger.hold import Capture, Expire, Hold, Void, expire, release_id
from shillings.ledger.operation import Course, Header, Operation
from shillings.ledger.outcomes import Outcome
from shillings.ledger.refund import Refund
from shillings.ledger.rows import (
    Debt,
    EntryRow,
    HoldEnd,
    HoldStatus,
    HoldTerms,
    Kind,
    RefundEnd,
    RefundRow,
    TransactionRow,
    Transit,
    TransitRow,
    TransitStatus,
    Wallet,
)
from shillings.ledger.rule import decide
from shillings.ledger.topup import TopUp
from shillings.ledger.transit import conclude
from tests.unit.ledger.operations import ANN, BOB, CAT, EMAILS, KEYS_SINCE, TOKEN, payment, topup
from tests.values import new_id

EARLY, NOON, LATE = "2026-01-02 10:00:00.000000", "2026-01-02 12:00:00.000000", "2026-01-02 14:00:00.000000"


def header(user: bytes, key: str = "") -> Header:
    """The header of a request."""
    return Header(new_id(), user, TOKEN, key, b"f" * 16, "request")


@dataclass
class World:
    """The books from batch to batch, as a database would keep them."""

    now: str = EARLY
    balances: dict[bytes, int] = field(default_factory=lambda: dict.fromkeys(EMAILS, 0))
    counts: dict[bytes, int] = field(default_factory=lambda: dict.fromkeys(EMAILS, 0))
    transactions: dict[bytes, TransactionRow] = field(default_factory=dict)
    terms: dict[bytes, HoldTerms] = field(default_factory=dict)
    ends: dict[bytes, HoldStatus] = field(default_factory=dict)
    refunds: list[RefundRow] = field(default_factory=list)
    transits: dict[bytes, Transit] = field(default_factory=dict)
    debts: dict[bytes, int] = field(default_factory=dict)
    audience: Audience | None = None
    book: Book = field(default_factory=Book)
    """The last batch's."""

    def decide(self, *operations: Operation) -> list[Outcome]:
        """Decide a batch, and keep what it writes."""
        users = {email: user for user, email in EMAILS.items()}
        refunded: dict[bytes, int] = {}
        for row in self.refunds:
            refunded[row.transaction_id] = refunded.get(row.transaction_id, 0) + row.amount_minor
        self.book = book = Book(
            now=self.now,
            keys_since=KEYS_SINCE,
            links=Links(users, self.transactions, self.terms, self.transactions),
            accounts={u: Wallet(u, EMAILS[u], balance, self.counts[u]) for u, balance in self.balances.items()},
            holds={hold_id: self.ends.get(hold_id, HoldStatus.OPEN) for hold_id in self.terms},
            refunded=refunded,
            transits={one.transaction_id: replace(one, changed=False) for one in self.transits.values()},
            debts={user: Debt(user, owed) for user, owed in self.debts.items()},
            audience=self.audience,
        )
        decisions = decide(operations, book)
        self.balances = {user: wallet.balance_minor for user, wallet in book.accounts.items()}
        self.counts = {user: wallet.entry_count for user, wallet in book.accounts.items()}
        self.transactions |= {row.transaction_id: row for row in book.rows[TransactionRow]}
        self.terms |= {row.hold_id: row for row in book.rows[HoldTerms]}
        for end in book.rows[HoldEnd]:
            assert self.ends.get(end.hold_id) is None, "a hold ends once"
            self.ends[end.hold_id] = end.status
        self.refunds += book.rows[RefundRow]
        for gone in book.rows[RefundEnd]:
            self.refunds = [row for row in self.refunds if row[:2] != gone]
        for begun in book.rows[TransitRow]:
            end = begun.status, begun.final, begun.due_at
            self.transits[begun.transaction_id] = Transit(begun.transaction_id, begun.refunded_id, *end)
        self.transits |= {one.transaction_id: one for one in book.rows[Transit]}
        self.debts |= {debt.user_id: debt.amount_minor for debt in book.rows[Debt]}
        without_entries = sum(row.kind is Kind.PENDING_RETURN for row in book.rows[TransactionRow])
        assert len(book.rows[EntryRow]) >= len(book.rows[TransactionRow]) - without_entries
        return [decision.outcome for decision in decisions]

    @property
    def held(self) -> int:
        """What is on hold."""
        return sum(terms.amount_minor for hold_id, terms in self.terms.items() if hold_id not in self.ends)

    @property
    def in_transit(self) -> int:
        """What is on its way."""
        pending = [one for one in self.transits.values() if one.status is TransitStatus.PENDING]
        return sum(self.transactions[one.transaction_id].amount_minor for one in pending)

    def total(self, *kinds: Kind) -> int:
        """What transactions of these kinds have moved."""
        return sum(row.amount_minor for row in self.transactions.values() if row.kind in kinds)


def paid(amount: int = 100) -> tuple[World, bytes]:
    """Ann has paid Bob so much; and the payment's id."""
    world = World()
    operation = payment(ANN, EMAILS[BOB], amount)
    assert world.decide(topup(ANN, amount), operation) == [Outcome.OK, Outcome.OK]
    return world, operation.header.id


def held(amount: int = 100) -> tuple[World, bytes]:
    """Ann has put so much on hold for Bob until noon; and the hold's id."""
    world = World()
    operation = Hold(header(ANN), EMAILS[BOB], amount, NOON)
    assert world.decide(topup(ANN, amount), operation) == [Outcome.OK, Outcome.OK]
    return world, operation.header.id


def test_refund_gives_back_in_parts_and_never_more_than_was_paid() -> None:
    """Refunds may come in parts, together at most the payment; one without an amount gives back what is left."""
    world, payment_id = paid()
    outcomes = world.decide(
        Refund(header(BOB), payment_id, 30), Refund(header(BOB), payment_id, 71), Refund(header(BOB), payment_id, 0)
    )
    assert outcomes == [Outcome.OK, Outcome.REFUND_EXCEEDS_PAYMENT, Outcome.OK]
    assert world.decide(Refund(header(BOB), payment_id, 0)) == [Outcome.REFUND_EXCEEDS_PAYMENT]
    assert (world.balances[ANN], world.balances[BOB]) == (100, 0)


def test_refund_of_a_single_coin() -> None:
    """The smallest refund is one of a single minor unit."""
    world, payment_id = paid(2)
    assert world.decide(Refund(header(BOB), payment_id, 1)) == [Outcome.OK]
    assert (world.balances[ANN], world.balances[BOB]) == (1, 1)


def test_refund_is_the_receivers_and_of_a_payment() -> None:
    """The payer cannot refund, a stranger finds nothing, and a top-up or a refund is not refundable."""
    world, payment_id = paid()
    back = Refund(header(BOB), payment_id, 10)
    up = topup(BOB, 5)
    world.decide(back, up)

    assert world.decide(Refund(header(ANN), payment_id, 1)) == [Outcome.NOT_REFUNDABLE]
    assert world.decide(Refund(header(CAT), payment_id, 1)) == [Outcome.NOT_FOUND]
    assert world.decide(Refund(header(BOB), new_id(), 1)) == [Outcome.NOT_FOUND]
    assert world.decide(Refund(header(ANN), back.header.id, 1)) == [Outcome.NOT_REFUNDABLE]
    assert world.decide(Refund(header(BOB), up.header.id, 1)) == [Outcome.NOT_REFUNDABLE]


def test_refund_needs_money() -> None:
    """A receiver who has spent the money cannot give it back."""
    world, payment_id = paid()
    world.decide(payment(BOB, EMAILS[CAT], 60))

    assert world.decide(Refund(header(BOB), payment_id, 0)) == [Outcome.INSUFFICIENT_FUNDS]
    assert world.decide(Refund(header(BOB), payment_id, 40)) == [Outcome.OK]


def test_refund_stays_within_the_largest_balance() -> None:
    """A payer who may have no more gets nothing back, and the refund stays open."""
    world, payment_id = paid()
    world.balances[ANN] = BALANCE_MINOR_MAX - 99

    assert world.decide(Refund(header(BOB), payment_id, 0)) == [Outcome.BALANCE_LIMIT_EXCEEDED]
    assert world.decide(Refund(header(BOB), payment_id, 99)) == [Outcome.OK]


@pytest.mark.parametrize(
    "operation",
    [
        payment(ANN, "nobody@example.com", 1),
        Hold(header(ANN), "nobody@example.com", 1, NOON),
        Refund(header(ANN), new_id(), 1),
        Capture(header(ANN), new_id(), 1),
        Void(header(ANN), new_id()),
        expire(new_id(), ANN),
        conclude(new_id(), ANN),
    ],
    ids=lambda operation: type(operation).__name__,
)
def test_what_refers_to_nothing_locks_nobodys_wallet(operation: Operation) -> None:
    """An operation whose receiver, payment or hold there is not names no wallet beside its user's own."""
    assert list(operation.accounts(Links())) == []


def test_hold_sets_money_aside() -> None:
    """Money on hold is neither the payer's to spend nor the receiver's yet."""
    world, _ = held()

    assert (world.balances[ANN], world.balances[BOB], world.held) == (0, 0, 100)
    assert world.decide(payment(ANN, EMAILS[CAT], 1)) == [Outcome.INSUFFICIENT_FUNDS]


@pytest.mark.parametrize(("amount", "captured"), [(0, 100), (100, 100), (1, 1), (99, 99)])
def test_capture_takes_a_part_and_releases_the_rest(amount: int, captured: int) -> None:
    """What is captured is the receiver's, the rest is the payer's again, and nothing stays on hold."""
    world, hold_id = held()

    assert world.decide(Capture(header(BOB), hold_id, amount)) == [Outcome.OK]
    assert (world.balances[ANN], world.balances[BOB], world.held) == (100 - captured, captured, 0)


def test_captured_money_can_be_refunded() -> None:
    """A capture is a payment, so it can be given back to who paid."""
    world, hold_id = held()
    capture = Capture(header(BOB), hold_id, 60)
    world.decide(capture)

    assert world.decide(Refund(header(BOB), capture.header.id, 0)) == [Outcome.OK]
    assert (world.balances[ANN], world.balances[BOB]) == (100, 0)


def test_hold_ends_once() -> None:
    """Of captures, voids and the clock, also in one batch, the first that may ends the hold; others are told how."""
    for first, told in ((Capture, Outcome.HOLD_ALREADY_CAPTURED), (Void, Outcome.HOLD_ALREADY_VOIDED)):
        world, hold_id = held()
        end = Capture(header(BOB), hold_id, 1) if first is Capture else Void(header(BOB), hold_id)
        outcomes = world.decide(end, Capture(header(BOB), hold_id, 1), Void(header(BOB), hold_id), expire(hold_id, ANN))
        assert outcomes == [Outcome.OK, told, told, Outcome.NOT_FOUND]
        assert world.held == 0


def test_hold_expires_by_the_clock_at_use() -> None:
    """At its end to the microsecond a hold can be neither captured nor voided, whether or not anybody swept it."""
    world, hold_id = held()
    assert world.decide(expire(hold_id, ANN)) == [Outcome.NOT_FOUND]
    world.now = NOON

    assert world.decide(Capture(header(BOB), hold_id, 1)) == [Outcome.HOLD_EXPIRED]
    assert world.decide(Void(header(BOB), hold_id)) == [Outcome.HOLD_EXPIRED]
    assert world.decide(expire(hold_id, ANN), expire(hold_id, ANN)) == [Outcome.OK, Outcome.NOT_FOUND]
    assert (world.balances[ANN], world.held) == (100, 0)
    assert world.decide(Capture(header(BOB), hold_id, 1)) == [Outcome.HOLD_EXPIRED]


def test_hold_is_the_receivers_to_end() -> None:
    """The payer and strangers find nothing to capture or void; nor does anybody where no hold is."""
    world, hold_id = held()
    for user in (ANN, CAT):
        assert world.decide(Capture(header(user), hold_id, 1), Void(header(user), hold_id)) == [Outcome.NOT_FOUND] * 2
    assert world.decide(Capture(header(BOB), new_id(), 1), Void(header(BOB), new_id())) == [Outcome.NOT_FOUND] * 2


def test_hold_is_refused_like_a_payment() -> None:
    """No receiver, oneself, or too little money: the same outcomes in the same order as for a payment."""
    world = World()
    world.decide(topup(ANN, 10))

    assert world.decide(Hold(header(ANN), "nobody@example.com", 1, NOON)) == [Outcome.RECEIVER_NOT_FOUND]
    assert world.decide(Hold(header(ANN), EMAILS[ANN], 99, NOON)) == [Outcome.SELF_PAYMENT]
    assert world.decide(Hold(header(ANN), EMAILS[BOB], 11, NOON)) == [Outcome.INSUFFICIENT_FUNDS]


def test_capture_stays_within_the_hold_and_the_largest_balance() -> None:
    """More than was held, or more than the receiver may have, is refused, and the hold stays open."""
    world, hold_id = held()
    assert world.decide(Capture(header(BOB), hold_id, 101)) == [Outcome.CAPTURE_EXCEEDS_HOLD]
    world.balances[BOB] = BALANCE_MINOR_MAX
    assert world.decide(Capture(header(BOB), hold_id, 1)) == [Outcome.BALANCE_LIMIT_EXCEEDED]
    assert world.held == 100


PEOPLE = st.sampled_from([ANN, BOB, CAT])
AMOUNTS = st.sampled_from([0, 1, 7, 50, 100, 101])
STEPS = st.lists(
    st.tuples(
        st.sampled_from([
            "topup", "pay", "refund", "hold", "capture", "void", "expire", "wait",
            "slow topup", "slow refund", "clock", "arrive", "come back",
        ]),
        PEOPLE, PEOPLE, AMOUNTS, st.integers(0, 7),
    ),
    max_size=40,
)  # fmt: skip


def _operation(  # noqa: C901, PLR0911 - one line for each step
    world: World, step: tuple[str, bytes, bytes, int, int]
) -> Operation | None:
    what, user, other, amount, at = step
    holds, transactions, transits = sorted(world.terms), sorted(world.transactions), sorted(world.transits)
    match what:
        case "topup":
            return topup(user, amount + 1)
        case "pay":
            return payment(user, EMAILS[other], amount + 1)
        case "hold":
            return Hold(header(user), EMAILS[other], amount + 1, (NOON, LATE)[at % 2])
        case "refund" if transactions:
            return Refund(header(user), transactions[at % len(transactions)], amount)
        case "capture" if holds:
            return Capture(header(user), holds[at % len(holds)], amount)
        case "void" if holds:
            return Void(header(user), holds[at % len(holds)])
        case "expire" if holds:
            hold_id = holds[at % len(holds)]
            return expire(hold_id, world.terms[hold_id].payer_id)
        case "slow topup":
            final = (TransitStatus.SUCCEEDED, TransitStatus.RETURNED)[at % 2]
            return TopUp(header(user), amount + 1, None, Course(at % 3 > 0, final, (NOON, LATE, "")[at % 3]))
        case "slow refund" if transactions:
            final = (TransitStatus.SUCCEEDED, TransitStatus.FAILED)[at % 2]
            original = transactions[at % len(transactions)]
            return Refund(header(user), original, amount, Course(True, final, (NOON, LATE, "")[at % 3]))
        case "clock" if transits:
            return conclude(transits[at % len(transits)], user)
        case "arrive" | "come back" if transactions:
            return conclude(transactions[at % len(transactions)], user, arrives=what == "arrive")
        case "wait":
            world.now = max(world.now, (EARLY, NOON, LATE)[at % 3])
    return None


@given(STEPS)
def test_any_mixture_conserves_money(steps: list[tuple[str, bytes, bytes, int, int]]) -> None:
    """Whatever is asked in whatever order: what is in wallets, on hold and on its way is what came in and was lent."""
    world = World()
    for step in steps:
        operation = _operation(world, step)
        if operation is not None:
            world.decide(operation)
        came_in = world.total(Kind.TOPUP, Kind.PENDING_TOPUP) - world.total(Kind.RETURN, Kind.PENDING_RETURN)
        owed = world.total(Kind.LOAN) - world.total(Kind.REPAYMENT)
        assert sum(world.balances.values()) + world.held + world.in_transit == came_in + owed
        assert sum(world.debts.values()) == owed
        assert all(not (owes and world.balances[user]) for user, owes in world.debts.items())
        assert world.held == world.total(Kind.HOLD) - world.total(Kind.CAPTURE) - world.total(Kind.RELEASE)
        assert all(balance >= 0 for balance in world.balances.values())
    for original in {row.transaction_id for row in world.refunds}:
        back = sum(row.amount_minor for row in world.refunds if row.transaction_id == original)
        assert back <= world.transactions[original].amount_minor


def test_whoever_finds_a_hold_over_means_one_transaction() -> None:
    """Two servers that end the same hold by the clock make the same transaction id, and it is nobody else's."""
    hold_id = new_id()
    first, second = expire(hold_id, ANN), expire(hold_id, ANN)

    assert isinstance(first, Expire)
    assert first.header.id == second.header.id == release_id(hold_id) != hold_id
