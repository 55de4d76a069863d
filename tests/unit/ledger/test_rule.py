"""The ledger's rule: money is conserved, keys decide once, and the outcomes keep their order of precedence."""

from collections.abc import Callable
from itertools import accumulate, combinations, groupby, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shillings import ids
from shillings.ledger.outcomes import Outcome
from shillings.ledger.rule import KeyOwner, rule
from shillings.ledger.transfers import EntryRow, Kind, StoredAnswer, Transfer, Wallet
from shillings.money import BALANCE_MINOR_MAX
from tests.unit.ledger.model import Model

ANN, BOB, CAT = (bytes([letter]) * 16 for letter in b"abc")
EMAILS = {ANN: "ann@example.com", BOB: "bob@example.com", CAT: "cat@example.com"}
TOKEN, FINGERPRINT, OTHER = b"t" * 16, b"f" * 16, b"o" * 16


class Case:
    """One payment of 10 from Ann, who has 100, to Bob; what follows may be set against it."""

    def __init__(self) -> None:
        self.receiver, self.amount = EMAILS[BOB], 10
        self.balances = {ANN: 100, BOB: 0}
        self.receivers = {email: user for user, email in EMAILS.items()}
        self.answers: dict[KeyOwner, StoredAnswer] = {}
        self.revoked: frozenset[bytes] = frozenset()

    def outcome(self) -> Outcome:
        """What becomes of it; nothing may have moved unless it is OK."""
        wallets = {user: Wallet(user, EMAILS[user], balance, 0) for user, balance in self.balances.items()}
        payment = Transfer(ids.new_id(), Kind.PAYMENT, ANN, self.receiver, self.amount, TOKEN, "key", FINGERPRINT)
        ruling = rule([payment], wallets, self.receivers, self.answers, self.revoked)
        [decision] = ruling.decisions
        moved = {user: wallet.balance for user, wallet in wallets.items()} != self.balances
        assert moved == bool(ruling.entries) == bool(ruling.transactions) == (decision.outcome is Outcome.OK)
        assert bool(ruling.keys) == decision.outcome.is_stored
        return decision.outcome


def _revoke(case: Case) -> None:
    case.revoked = frozenset([TOKEN])


def _use_key_elsewhere(case: Case) -> None:
    case.answers[ANN, "key"] = StoredAnswer(OTHER, Outcome.OK, ids.NIL)


def _lose_receiver(case: Case) -> None:
    case.receivers = {}


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


def test_every_outcome_has_a_cause_in_order() -> None:
    """The table of causes walks down the outcomes; none is missing."""
    assert list(CAUSES) == list(Outcome)


@pytest.mark.parametrize(("earlier", "later"), list(combinations(Outcome, 2)))
def test_earlier_outcome_takes_precedence(earlier: Outcome, later: Outcome) -> None:
    """When the causes of two outcomes are there, the one that is listed first is the outcome."""
    case = Case()
    CAUSES[later](case)
    CAUSES[earlier](case)

    assert case.outcome() is earlier


def test_all_causes_at_once_fall_away_one_by_one() -> None:
    """With every cause there, the first is the outcome; as they go from the front, the next one is."""
    for at, outcome in enumerate(Outcome):
        case = Case()
        for cause in list(CAUSES.values())[at:]:
            cause(case)
        assert case.outcome() is outcome


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


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_says_whether_it_may_change(outcome: Outcome) -> None:
    """For each outcome it is stated whether the same transfer may end differently later."""
    assert outcome.may_change is (outcome not in (Outcome.UNAUTHENTICATED, Outcome.SELF_PAYMENT))


USERS = st.sampled_from([ANN, BOB, CAT])
TRANSFERS = st.builds(
    lambda kind, user, receiver, amount, token, key: (kind, user, receiver, amount, token, key),
    st.sampled_from(Kind),
    USERS,
    st.sampled_from([*EMAILS.values(), "nobody@example.com"]),
    st.sampled_from([1, 2, 3, 5, 8, 1000, BALANCE_MINOR_MAX // 2, BALANCE_MINOR_MAX]),
    st.sampled_from([TOKEN, TOKEN, TOKEN, b"r" * 16]),
    st.sampled_from(["", "", "k1", "k2"]),
)
BATCHES = st.lists(st.lists(TRANSFERS, max_size=8), max_size=8)


def _transfer(wish: tuple[Kind, bytes, str, int, bytes, str]) -> Transfer:
    kind, user, receiver, amount, token, key = wish
    email = receiver if kind is Kind.PAYMENT else ""
    fingerprint = f"{kind}{email}{amount}".encode()[:16].ljust(16)
    return Transfer(ids.new_id(), kind, user, email, amount, token, key, fingerprint)


@given(BATCHES)
def test_random_batches_agree_with_the_model(batches: list[list[tuple[Kind, bytes, str, int, bytes, str]]]) -> None:
    """However transfers are cut into batches, decisions, balances and keys are the plain model's."""
    revoked = frozenset([b"r" * 16])
    model = Model(EMAILS, revoked)
    wallets = {user: Wallet(user, email, 0, 0) for user, email in EMAILS.items()}
    answers: dict[KeyOwner, StoredAnswer] = {}
    entries: list[EntryRow] = []
    topped_up = 0
    for batch in batches:
        transfers = [_transfer(wish) for wish in batch]
        ruling = rule(transfers, wallets, {email: user for user, email in EMAILS.items()}, answers, revoked)
        entries += ruling.entries
        topped_up += sum(row.amount for row in ruling.transactions if row.kind is Kind.TOPUP)

        assert [tuple(decision) for decision in ruling.decisions] == [model.decide(one) for one in transfers]
        assert {row.transaction_id for row in ruling.transactions} == {row.transaction_id for row in ruling.entries}

    assert {w.email: w.balance for w in wallets.values()} == {e: model.balance(e) for e in EMAILS.values()}
    assert answers == model.answers
    assert sum(wallet.balance for wallet in wallets.values()) == topped_up
    _check_statements(entries, wallets)


def _check_statements(entries: list[EntryRow], wallets: dict[bytes, Wallet]) -> None:
    """Every account's entries are numbered 1, 2, 3 …, and their balances are running sums, none below zero."""
    by_account = groupby(sorted(entries), key=lambda entry: entry.account_id)
    for account, lines in ((account, list(found)) for account, found in by_account):
        assert [line.seq for line in lines] == list(range(1, len(lines) + 1))
        assert [line.balance for line in lines] == list(accumulate(line.amount for line in lines))
        assert all(line.balance >= 0 for line in lines)
        assert (wallets[account].entry_count, wallets[account].balance) == (len(lines), lines[-1].balance)
        assert all(earlier.seq < later.seq for earlier, later in pairwise(lines))


@given(st.lists(st.sampled_from(["k1", "k2"]), min_size=1, max_size=10))
def test_key_moves_money_once(keys: list[str]) -> None:
    """However often and in however many batches a key is sent, one transfer is made, and all get its answer."""
    wallets = {ANN: Wallet(ANN, EMAILS[ANN], 0, 0)}
    answers: dict[KeyOwner, StoredAnswer] = {}
    decisions = []
    for key in keys:
        transfers = [Transfer(ids.new_id(), Kind.TOPUP, ANN, "", 7, TOKEN, key, FINGERPRINT) for _ in range(2)]
        decisions += [(key, one) for one in rule(transfers, wallets, {}, answers).decisions]

    assert wallets[ANN].balance == 7 * len(set(keys))
    assert len({(key, decision.transaction_id) for key, decision in decisions}) == len(set(keys))
    assert sum(not decision.replayed for _, decision in decisions) == len(set(keys))


def test_refusal_is_kept_under_its_key() -> None:
    """A refused payment stays refused under its key, even when there is money by then."""
    wallets = {user: Wallet(user, EMAILS[user], 0, 0) for user in (ANN, BOB)}
    receivers = {EMAILS[BOB]: BOB}
    answers: dict[KeyOwner, StoredAnswer] = {}
    payment = Transfer(ids.new_id(), Kind.PAYMENT, ANN, EMAILS[BOB], 5, TOKEN, "key", FINGERPRINT)
    topup = Transfer(ids.new_id(), Kind.TOPUP, ANN, "", 5, TOKEN, "", ids.NIL)
    first, _, again = rule([payment, topup, payment], wallets, receivers, answers).decisions

    assert (first.outcome, first.replayed) == (Outcome.INSUFFICIENT_FUNDS, False)
    assert (again.outcome, again.replayed) == (Outcome.INSUFFICIENT_FUNDS, True)


def test_keys_belong_to_users() -> None:
    """The same key of two users is two keys."""
    wallets = {user: Wallet(user, EMAILS[user], 0, 0) for user in (ANN, BOB)}
    transfers = [Transfer(ids.new_id(), Kind.TOPUP, u, "", 7, TOKEN, "key", FINGERPRINT) for u in (ANN, BOB)]
    ruling = rule(transfers, wallets, {}, {})

    assert [decision.replayed for decision in ruling.decisions] == [False, False]
    assert [wallet.balance for wallet in wallets.values()] == [7, 7]
