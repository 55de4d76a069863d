"""The ledger's rule: money is conserved, keys decide once, and the outcomes keep their order of precedence."""

from collections.abc import Callable
from itertools import accumulate, combinations, groupby, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shillings.base import ids
from shillings.base.money import BALANCE_MINOR_MAX
from shillings.ledger.book import Book, Links
from shillings.ledger.operation import Decision, Operation
from shillings.ledger.outcomes import Outcome
from shillings.ledger.rows import (
    AccountId,
    EntryRow,
    ExpiredKey,
    KeyOwner,
    KeyRow,
    Kind,
    TransactionRow,
    Wallet,
)
from shillings.ledger.rule import decide
from tests.unit.ledger.model import Model
from tests.unit.ledger.operations import ANN, BOB, CAT, EMAILS, KEYS_SINCE, NOBODY, NOW, TOKEN, book, payment, topup

OTHER = b"o" * 16


class Case:
    """One payment of 10 from Ann, who has 100, to Bob; what follows may be set against it."""

    def __init__(self) -> None:
        self.receiver, self.amount = EMAILS[BOB], 10
        self.balances = {ANN: 100, BOB: 0}
        self.links = Links(users={email: user for user, email in EMAILS.items()})
        self.answers: dict[KeyOwner, KeyRow] = {}
        self.revoked: frozenset[bytes] = frozenset()

    def outcome(self) -> Outcome:
        """What becomes of it; nothing may have moved unless it is OK."""
        page = book(self.balances, self.answers, self.revoked)
        page.links = self.links
        [decision] = decide([payment(ANN, self.receiver, self.amount, "key")], page)
        moved = {user: wallet.balance_minor for user, wallet in page.accounts.items()} != self.balances
        written = {row for row, found in page.rows.items() if found}
        money = {Wallet, TransactionRow, EntryRow} if decision.outcome is Outcome.OK else set()
        assert moved == (decision.outcome is Outcome.OK)
        assert written == money | ({KeyRow} if decision.outcome.is_stored else set())
        return decision.outcome


def _revoke(case: Case) -> None:
    case.revoked = frozenset([TOKEN])


def _use_key_elsewhere(case: Case) -> None:
    case.answers[ANN, "key"] = KeyRow(ANN, "key", OTHER, Outcome.OK, ids.NIL, NOW)


def _lose_receiver(case: Case) -> None:
    case.links = Links()


def _pay_oneself(case: Case) -> None:
    case.receiver = EMAILS[ANN]


def _empty_purse(case: Case) -> None:
    case.balances[ANN] = case.amount - 1


def _fill_receiver(case: Case) -> None:
    case.balances[BOB] = BALANCE_MINOR_MAX - case.amount + 1


CAUSES: dict[Outcome, Callable[[Case], None]] = {
    Outcome.UNAUTHENTICATED: _revoke,
    Outcome.IDEMPOTENCY_KEY_REUSED: _use_key_elsewhere,
    Outcome.RECEIVER_NOT_FOUND: _lose_receiver,
    Outcome.SELF_PAYMENT: _pay_oneself,
    Outcome.INSUFFICIENT_FUNDS: _empty_purse,
    Outcome.BALANCE_LIMIT_EXCEEDED: _fill_receiver,
    Outcome.OK: lambda _case: None,
}


def test_causes_are_in_the_order_of_the_outcomes() -> None:
    """The table of a payment's causes walks down the outcomes."""
    assert list(CAUSES) == [outcome for outcome in Outcome if outcome in CAUSES]


@pytest.mark.parametrize(("earlier", "later"), list(combinations(CAUSES, 2)))
def test_earlier_outcome_takes_precedence(earlier: Outcome, later: Outcome) -> None:
    """When the causes of two outcomes are there, the one that is listed first is the outcome."""
    case = Case()
    CAUSES[later](case)
    CAUSES[earlier](case)

    assert case.outcome() is earlier


def test_all_causes_at_once_end_one_by_one() -> None:
    """With every cause there, the first is the outcome; as they go from the front, the next one is."""
    for at, outcome in enumerate(CAUSES):
        case = Case()
        for cause in list(CAUSES.values())[at:]:
            cause(case)
        assert case.outcome() is outcome


def test_payer_who_is_gone_is_signed_out() -> None:
    """Where the payer's wallet is no more, since the books were reset, nothing is done or kept: the session is over."""
    page = book({BOB: 0}, {}, frozenset())
    page.links = Links(users={EMAILS[BOB]: BOB})
    decisions = decide([payment(ANN, EMAILS[BOB], 10, "key"), topup(ANN, 5, "other")], page)

    assert [one.outcome for one in decisions] == [Outcome.UNAUTHENTICATED] * 2
    assert not any(page.rows.values())


def test_receiver_who_is_gone_is_not_found() -> None:
    """Where the receiver is remembered and the wallet is no more, the payment is refused and nothing moves."""
    page = book({ANN: 100}, {}, frozenset())
    page.links = Links(users={EMAILS[BOB]: BOB})
    [decision] = decide([payment(ANN, EMAILS[BOB], 10)], page)

    assert decision.outcome is Outcome.RECEIVER_NOT_FOUND
    assert page.accounts[ANN].balance_minor == 100


@pytest.mark.parametrize(("balance", "outcome"), [(9, Outcome.INSUFFICIENT_FUNDS), (10, Outcome.OK), (11, Outcome.OK)])
def test_last_penny_may_be_spent(balance: int, outcome: Outcome) -> None:
    """A payment of everything is applied; of one more, refused."""
    case = Case()
    case.balances[ANN] = balance

    assert case.outcome() is outcome


@pytest.mark.parametrize(("room", "outcome"), [(9, Outcome.BALANCE_LIMIT_EXCEEDED), (10, Outcome.OK)])
def test_largest_balance_may_be_reached(room: int, outcome: Outcome) -> None:
    """A payment that just fits the receiver's balance is applied."""
    case = Case()
    case.balances[BOB] = BALANCE_MINOR_MAX - room

    assert case.outcome() is outcome


def test_unstored_refusal_may_be_followed_by_another_answer() -> None:
    """A revoked session and a reused key leave no answer behind under the key."""
    assert {outcome for outcome in Outcome if not outcome.is_stored} == {
        Outcome.UNAUTHENTICATED,
        Outcome.IDEMPOTENCY_KEY_REUSED,
    }


AMOUNTS = st.sampled_from([1, 2, 3, 5, 8, 1000, BALANCE_MINOR_MAX // 2, BALANCE_MINOR_MAX])
USERS, KEYS = st.sampled_from([ANN, BOB, CAT]), st.sampled_from(["", "", "k1", "k2"])
TOKENS = st.sampled_from([TOKEN, TOKEN, TOKEN, b"r" * 16])
OPERATIONS: st.SearchStrategy[Operation] = st.one_of(
    st.builds(payment, USERS, st.sampled_from([*EMAILS.values(), NOBODY]), AMOUNTS, KEYS, TOKENS),
    st.builds(topup, USERS, AMOUNTS, KEYS, TOKENS),
)
BATCHES = st.lists(st.lists(OPERATIONS, max_size=8), max_size=8)


@given(BATCHES)
def test_random_batches_agree_with_the_model(batches: list[list[Operation]]) -> None:
    """However operations are cut into batches, decisions, balances and keys are the plain model's."""
    revoked = frozenset([b"r" * 16])
    model = Model(EMAILS, revoked)
    page = book(dict.fromkeys(EMAILS, 0), revoked=revoked)
    accounts, answers = page.accounts, page.answers
    entries: list[EntryRow] = []
    topped_up = 0
    for operations in batches:
        page = Book(page.now, page.keys_since, page.links, accounts, answers, revoked)
        decisions = decide(operations, page)
        entries += page.rows[EntryRow]
        transactions = page.rows[TransactionRow]
        topped_up += sum(row.amount_minor for row in transactions if row.kind is Kind.TOPUP)

        assert [tuple(decision) for decision in decisions] == [model.decide(one) for one in operations]
        assert {row.transaction_id for row in transactions} == {row.transaction_id for row in page.rows[EntryRow]}

    assert {w.email: w.balance_minor for w in accounts.values()} == {e: model.balance(e) for e in EMAILS.values()}
    assert {key: answer[2:5] for key, answer in answers.items()} == model.answers
    assert sum(wallet.balance_minor for wallet in accounts.values()) == topped_up
    _check_statements(entries, accounts)


def _check_statements(entries: list[EntryRow], wallets: dict[AccountId, Wallet]) -> None:
    """Every account's entries are numbered 1, 2, 3 …, and their balances are running sums, none below zero."""
    by_account = groupby(sorted(entries), key=lambda entry: entry.account_id)
    for account, lines in ((account, list(found)) for account, found in by_account):
        assert [line.seq for line in lines] == list(range(1, len(lines) + 1))
        assert [line.balance_minor for line in lines] == list(accumulate(line.amount_minor for line in lines))
        assert all(line.balance_minor >= 0 for line in lines)
        assert (wallets[account].entry_count, wallets[account].balance_minor) == (len(lines), lines[-1].balance_minor)
        assert all(earlier.seq < later.seq for earlier, later in pairwise(lines))


@given(st.lists(st.sampled_from(["k1", "k2"]), min_size=1, max_size=10))
def test_key_moves_money_once(keys: list[str]) -> None:
    """However often and in however many batches a key is sent, one operation is applied, and all get its answer."""
    page = book({ANN: 0})
    decisions = []
    for key in keys:
        decisions += [(key, one) for one in decide([topup(ANN, 7, key), topup(ANN, 7, key)], page)]

    assert page.accounts[ANN].balance_minor == 7 * len(set(keys))
    assert len({(key, decision.transaction_id) for key, decision in decisions}) == len(set(keys))
    assert sum(not decision.replayed for _, decision in decisions) == len(set(keys))


def test_refusal_is_kept_under_its_key() -> None:
    """A refused payment stays refused under its key, even when there is money by then."""
    refused = payment(ANN, EMAILS[BOB], 5, "key")
    first, _, again = decide([refused, topup(ANN, 5), refused], book({ANN: 0, BOB: 0}))

    assert (first.outcome, first.replayed) == (Outcome.INSUFFICIENT_FUNDS, False)
    assert (again.outcome, again.replayed) == (Outcome.INSUFFICIENT_FUNDS, True)


def test_keys_belong_to_users() -> None:
    """The same key of two users is two keys."""
    page = book({ANN: 0, BOB: 0})
    decisions = decide([topup(ANN, 7, "key"), topup(BOB, 7, "key")], page)

    assert [decision.replayed for decision in decisions] == [False, False]
    assert [wallet.balance_minor for wallet in page.accounts.values()] == [7, 7]


@pytest.mark.parametrize(("created_at", "replayed"), [(KEYS_SINCE, True), ("2026-01-01 03:04:05.000005", False)])
def test_key_that_is_over_decides_nothing(created_at: str, replayed: bool) -> None:
    """An answer kept at the very beginning of the lifetime still holds; one kept earlier makes room, once."""
    first = topup(ANN, 7, "key")
    answers = {(ANN, "key"): KeyRow(ANN, "key", first.header.fingerprint, Outcome.OK, OTHER, created_at)}
    page = book({ANN: 0}, answers)
    decisions = decide([topup(ANN, 7, "key"), topup(ANN, 7, "key")], page)

    assert [decision.replayed for decision in decisions] == [replayed, True]
    assert page.rows[ExpiredKey] == ([] if replayed else [(ANN, "key")])
    assert len(page.rows[KeyRow]) == (0 if replayed else 1)


def test_revoked_session_leaves_a_key_that_is_over_alone() -> None:
    """What is not stored removes nothing either."""
    answers = {(ANN, "key"): KeyRow(ANN, "key", OTHER, Outcome.OK, OTHER, "2025-01-01 00:00:00.000000")}
    page = book({ANN: 0}, answers, [TOKEN])
    decide([topup(ANN, 7, "key")], page)

    assert not any(page.rows.values())


def test_refusals_that_are_forgotten_leave_no_key() -> None:
    """Where refusals are forgotten, a retry under the key is judged again; what succeeds is remembered as ever."""
    page = book({ANN: 0, BOB: 0})
    page.forgets_refusals = True
    paid = payment(ANN, EMAILS[BOB], 5, "key")
    decisions = decide([paid, topup(ANN, 5), paid, paid], page)

    assert decisions == [
        Decision(Outcome.INSUFFICIENT_FUNDS, ids.NIL),
        Decision(Outcome.OK, decisions[1].transaction_id),
        Decision(Outcome.OK, paid.header.id),
        Decision(Outcome.OK, paid.header.id, replayed=True),
    ]
    assert [row.outcome for row in page.rows[KeyRow]] == [Outcome.OK]
