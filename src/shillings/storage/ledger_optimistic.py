"""The ledger's transaction in one round trip, where every wallet of a batch is remembered: optimistic locking.

    BEGIN                                                         ┐
    wallets, of those that are as remembered; transactions, …     │ one round trip
    no session of the batch is revoked                            │
    COMMIT                                                        ┘

The batch is decided on wallets as this process has last written them. The UPDATE locks them, by id as the locking path
does (ledger.py), and changes none that is not exactly as remembered; the INSERT behind it fails unless all were
changed. So whatever is committed is what the locks would have decided, and what is remembered is never believed:

    a wallet was changed, with an entry or without, or its email was; its user is gone  → fewer wallets are changed
    a key was used before                                                               → its primary key is taken
    a session was revoked                                                               → the last statement fails

The server stops at the first statement that fails, before COMMIT. Then everything is undone, and the locking path
decides. It also decides whatever is not plain: see `is_plain`.

Rejections cost more than commits gain. So after too many (several servers pay out of the same wallets) none is tried
for a while; and for longer, the sooner they come again.
"""

import time
from collections.abc import Callable, Collection, Iterable

from shillings.base.bounded import BoundedMap
from shillings.ledger.book import Book
from shillings.ledger.operation import Decision
from shillings.ledger.outcomes import Outcome
from shillings.ledger.rows import AccountId, DetailsRow, EntryRow, KeyRow, TransactionRow, Wallet
from shillings.storage.engines import Dialect
from shillings.storage.ledger_reads import select_debts
from shillings.storage.ledger_writes import statements
from shillings.storage.sql import id_list, literal

WALLETS_REMEMBERED_MAX = 50_000
"""Some fifteen megabytes."""

BATCH_WALLETS_MAX = 128
"""A larger batch has little to gain from one round trip less, and MariaDB makes a subquery of long lists."""

REJECTION_COST = 4
"""How many commits it takes to gain what one rejection costs."""

CREDIT_MAX = 2 * REJECTION_COST
PAUSE_SECONDS_MIN, PAUSE_SECONDS_MAX = 1.0, 64.0

_PLAIN = {Wallet, TransactionRow, EntryRow, DetailsRow, KeyRow}


class KnownWallets:
    """The wallets that a process has last written, and whether to act on them.

    Args:
        always: whether it is never paused.
        count: told "committed" or "rejected" of each batch that acted on them.
        count_pause: told for how many seconds it is paused.
        monotonic: a clock that only pauses go by.
        wallets_max: how many are remembered.
    """

    def __init__(
        self,
        *,
        always: bool = False,
        count: Callable[[str], None] = lambda _result: None,
        count_pause: Callable[[float], None] = lambda _seconds: None,
        monotonic: Callable[[], float] = time.monotonic,
        wallets_max: int = WALLETS_REMEMBERED_MAX,
    ) -> None:
        self._always = always
        self._count = count
        self._count_pause = count_pause
        self._monotonic = monotonic
        self._wallets_max = wallets_max
        self._credit = 0
        self._pause = PAUSE_SECONDS_MIN
        self._paused_until = float("-inf")
        self.clear()

    def __len__(self) -> int:
        return len(self._wallets)

    def clear(self) -> None:
        """Forget all of them. It may be called on any thread: what is kept meanwhile is checked like all else."""
        self._wallets: BoundedMap[AccountId, Wallet] = BoundedMap(entries_max=self._wallets_max)

    def recall(self, account_ids: Collection[AccountId]) -> list[Wallet] | None:
        """These wallets; None unless all are remembered, or while it is paused."""
        if len(account_ids) > BATCH_WALLETS_MAX or self._monotonic() < self._paused_until:
            return None
        recall = self._wallets.get
        found = [wallet for account_id in account_ids if (wallet := recall(account_id)) is not None]
        return found if len(found) == len(account_ids) else None

    def keep(self, wallets: Iterable[Wallet]) -> None:
        """Remember wallets that were just committed, and will not be touched any more."""
        for wallet in wallets:
            self._wallets[wallet.user_id] = wallet

    def committed(self) -> None:
        """They were as remembered."""
        self._count("committed")
        self._credit = min(self._credit + 1, CREDIT_MAX)
        if self._credit == CREDIT_MAX:
            self._pause = PAUSE_SECONDS_MIN

    def rejected(self, wallets: Iterable[Wallet]) -> None:
        """Something was not as remembered: forget these, and pause if that was so too often."""
        self._count("rejected")
        for wallet in wallets:
            self._wallets.pop(wallet.user_id)
        self._credit -= REJECTION_COST
        if self._credit < 0 and not self._always:
            self._count_pause(self._pause)
            self._credit = 0
            self._paused_until = self._monotonic() + self._pause
            self._pause = min(2 * self._pause, PAUSE_SECONDS_MAX)


def copies(wallets: Iterable[Wallet]) -> dict[AccountId, Wallet]:
    """Wallets for a book to change."""
    return {w.user_id: Wallet(w.user_id, w.email, w.balance_minor, w.entry_count) for w in wallets}


def is_plain(book: Book, decisions: Iterable[Decision]) -> bool:
    """Whether a decided book says all there is to say: no refusal, no retry, nothing but money that moves.

    Every wallet that was looked at must change, because only what changes is compared. Whoever may owe something is
    asked for behind locks.
    """
    return (
        all(decision.outcome is Outcome.OK and not decision.replayed for decision in decisions)
        and book.rows.keys() <= _PLAIN
        and len(book.rows[Wallet]) == len(book.accounts)
    )


def may_owe(wallets: Iterable[Wallet]) -> bool:
    """Whether one of these may have a debt, which is not remembered."""
    return bool(select_debts({wallet.user_id: wallet for wallet in wallets}))


def packet(book: Book, before: Iterable[Wallet], token_ids: Collection[bytes], dialect: Dialect) -> list[str]:
    """What commits a plain book if its wallets still are as they were, and none of these sessions is revoked."""
    # The wallets come first: there are no keys to make room for.
    update, *inserts = statements(book.rows, book.now, dialect)
    # CONCAT keeps the email's index out of it: with that the wallets would be locked in the order of emails.
    same = ",".join([f"(x'{w.user_id.hex()}',{w.balance_minor},{w.entry_count},{literal(w.email)})" for w in before])
    update += f" AND (user_id, balance, entry_count, CONCAT(email)) IN ({same})"
    # The sessions come last, when every lock is held: what was revoked while this waited counts.
    revoked = f"SELECT 1 FROM revoked_tokens WHERE token_id IN ({id_list(token_ids)})"
    guard = [dialect.require(f"NOT EXISTS ({revoked})")] if token_ids else []
    return [dialect.begin, update, *inserts, *guard]
