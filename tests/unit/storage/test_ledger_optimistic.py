"""What a process remembers of wallets: a bounded number of them, and not to act on them when that does not pay."""

from shillings.ledger.book import Book
from shillings.ledger.operation import Decision
from shillings.ledger.outcomes import Outcome
from shillings.ledger.rows import FUNDING, Kind, TransactionRow, Wallet
from shillings.storage.ledger_optimistic import (
    CREDIT_MAX,
    PAUSE_SECONDS_MAX,
    PAUSE_SECONDS_MIN,
    WALLETS_REMEMBERED_MAX,
    KnownWallets,
    copies,
    is_plain,
)


class Clock:
    """A clock that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        """Say the time."""
        return self.now


def wallet(number: int) -> Wallet:
    """A wallet like another."""
    return Wallet((1000 + number).to_bytes(16, "big"), f"user{number}@example.com", 100, 3)


ANN = wallet(1)


def test_number_of_wallets_is_bounded() -> None:
    """However many wallets are written, the newest are remembered, and no more."""
    known = KnownWallets(wallets_max=3)
    known.keep([wallet(number) for number in range(10)])

    assert len(known) == 3
    assert known.recall([wallet(9).user_id, wallet(7).user_id])
    assert known.recall([wallet(6).user_id]) is None
    assert WALLETS_REMEMBERED_MAX <= 100_000


def test_one_unknown_wallet_is_one_too_many() -> None:
    """A batch acts on what is remembered when all of its wallets are."""
    known = KnownWallets()
    known.keep([ANN])

    assert known.recall([ANN.user_id]) == [ANN]
    assert known.recall([ANN.user_id, wallet(2).user_id]) is None


def test_wallet_that_was_looked_at_and_not_changed_is_not_plain() -> None:
    """Only what changes is compared, so a decision that looked at more is not to be trusted."""
    book = Book(accounts=copies([ANN, wallet(2)]))
    transaction = TransactionRow(bytes(16), Kind.TOPUP, FUNDING, "", ANN.user_id, ANN.email, 5)
    book.post(transaction, (FUNDING, -5), (ANN.user_id, 5))
    alone = Book(accounts=copies([ANN]))
    alone.post(transaction, (FUNDING, -5), (ANN.user_id, 5))

    assert not is_plain(book, [Decision(Outcome.OK, bytes(16))])
    assert is_plain(alone, [Decision(Outcome.OK, bytes(16))])


def test_everything_is_forgotten_at_once() -> None:
    """Another epoch of the books has nothing of the one before."""
    known = KnownWallets()
    known.keep([ANN])
    known.clear()

    assert known.recall([ANN.user_id]) is None


def test_rejection_pauses_and_the_next_one_for_longer() -> None:
    """After a rejection nothing is tried for a second; after one more for two, then four, up to a bound."""
    clock, told = Clock(), list[float]()
    known = KnownWallets(monotonic=clock, count_pause=told.append)
    for number in range(9):
        known.keep([ANN])
        assert known.recall([ANN.user_id])
        known.rejected([ANN])
        known.keep([ANN])
        assert known.recall([ANN.user_id]) is None
        clock.now += told[number]
        assert known.recall([ANN.user_id])

    assert told[:4] == [PAUSE_SECONDS_MIN * 2**number for number in range(4)]
    assert told[-1] == told[-2] == PAUSE_SECONDS_MAX


def test_what_was_rejected_is_forgotten() -> None:
    """A wallet that was not as remembered is read again before it is remembered again."""
    known = KnownWallets(always=True)
    known.keep([ANN, wallet(2)])
    known.rejected([ANN])

    assert known.recall([ANN.user_id]) is None
    assert known.recall([wallet(2).user_id])


def test_few_rejections_among_commits_do_not_pause() -> None:
    """A rejection now and then costs less than the commits between gain: one in ten is borne for ever."""
    clock, told = Clock(), list[float]()
    known = KnownWallets(monotonic=clock, count_pause=told.append)
    for _ in range(50):
        for _ in range(10):
            known.committed()
        known.rejected([ANN])

    assert told == []


def test_long_peace_makes_pauses_short_again() -> None:
    """After enough commits a rejection is a first one again."""
    clock, told = Clock(), list[float]()
    known = KnownWallets(monotonic=clock, count_pause=told.append)
    for _ in range(3):
        known.rejected([ANN])
    for _ in range(CREDIT_MAX):
        known.committed()
    for _ in range(3):
        known.rejected([ANN])

    assert told == [1.0, 2.0, 4.0, 1.0]


def test_told_always_it_never_pauses_and_counts_all_the_same() -> None:
    """Somebody who has switched it on has it on; what becomes of it is counted."""
    results: list[str] = []
    known = KnownWallets(always=True, count=results.append)
    for _ in range(5):
        known.keep([ANN])
        assert known.recall([ANN.user_id])
        known.rejected([ANN])
    known.committed()

    assert results == ["rejected"] * 5 + ["committed"]
