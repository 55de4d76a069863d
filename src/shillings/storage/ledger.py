"""The ledger's transaction: a batch of operations, two round trips, a constant number of statements.

    (what the operations refer to)       one round trip more, where it is not remembered: ledger_links.py

    BEGIN                              ┐
    lock every wallet, by id           │ first round trip: ledger_reads.py
    revoked sessions, stored answers   ┘
        decide, in memory                ledger/rule.py
    wallets, transactions, entries, …  ┐ second round trip: ledger_writes.py
    COMMIT                             ┘

Where every wallet of a plain batch is remembered, one round trip does: ledger_optimistic.py.

Three things here seem as if they could come in another order. They cannot:

1.  Locks before keys. A key is used by whoever holds its owner's wallet. If it were read first, two servers could both
    find it unused, and then pay one after the other.
2.  Nobody hears of a decision before the COMMIT was answered. A batch whose answers are all refusals without a key
    writes nothing, and is rolled back.
3.  The check after a lost COMMIT comes under the same locks. When the connection breaks while a COMMIT is under way,
    the server may be executing it, may have dropped it, or may not have read it yet. Until that is decided it holds
    the wallets. So whoever gets the locks knows that it is decided, and only then does the check tell the truth:

        COMMIT sent ──▶ answered ──▶ done
             │
             └─ connection lost ──▶ run again: lock ──▶ our rows are there ──▶ ROLLBACK, the old decisions are true
                                                   └──▶ they are not ──▶ nothing was applied: decide again

    Ids are made before an operation is sent, and a batch commits whole or not at all, so one row tells about all of it.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from shillings.base.batching import Take
from shillings.base.clock import stored
from shillings.base.ids import NIL
from shillings.ledger.book import Book, Links
from shillings.ledger.events import DeliveryRow
from shillings.ledger.hold import expire
from shillings.ledger.operation import Decision, Operation
from shillings.ledger.outcomes import Outcome
from shillings.ledger.rows import Wallet
from shillings.ledger.rule import decide
from shillings.ledger.transit import conclude
from shillings.sandbox.idempotency import PRESETS, Idempotency
from shillings.storage.engines import ErrorKind, classify
from shillings.storage.executor import Connection, Executor
from shillings.storage.holds import overdue_of, select_overdue
from shillings.storage.ledger_links import KnownLinks
from shillings.storage.ledger_optimistic import KnownWallets, copies, is_plain, may_owe, packet
from shillings.storage.ledger_reads import LOCKS, READS, Scope, debts_of, select_debts
from shillings.storage.ledger_writes import proof, statements
from shillings.storage.listening import Listening
from shillings.storage.transits import due_of, select_due

IDEMPOTENCY_KEY_LIFETIME = timedelta(hours=24)


_LOCKS_AND_READS = (*LOCKS, *READS)
_SHORT = (Outcome.INSUFFICIENT_FUNDS, Outcome.DEBT_OUTSTANDING)


class _Sent(NamedTuple):
    """What a COMMIT was sent for, until its answer is there."""

    decisions: list[Decision]
    book: Book


class LedgerBatch:
    """A batch on its way through the database; `execute` is an executor's work, and safe to run twice.

    Args:
        operations: in order of arrival.
        known: what the process remembers of what operations refer to.
        now: the time that rows carry, and by which keys are over.
        listening: what the process knows of who listens; None where nobody ever does.
        keys: how idempotency keys behave.
        wallets: what the process remembers of wallets; None where they are always read under their locks.
    """

    def __init__(
        self,
        operations: Sequence[Operation],
        known: KnownLinks,
        now: Callable[[], datetime],
        listening: Listening | None = None,
        keys: Idempotency = PRESETS["shillings"],
        wallets: KnownWallets | None = None,
    ) -> None:
        self._operations = list(operations)
        self._asked = len(operations)
        """How many of the operations were asked for; those before them are what the clock asks for."""
        self._known = known
        self._now = now
        self._keys = keys
        self._listening = listening
        self._wallets = wallets
        self._sent: _Sent | None = None

    @property
    def made_deliveries(self) -> bool:
        """Whether something is to be delivered of what was executed."""
        return self._sent is not None and bool(self._sent.book.rows.get(DeliveryRow))

    def execute(self, connection: Connection) -> list[Decision]:
        """Decide the batch and make it durable. Returns one decision for each operation, in order."""
        decisions = self._execute(connection)
        return decisions[len(decisions) - self._asked :]

    def _execute(self, connection: Connection) -> list[Decision]:
        links = self._known.find(connection, self._operations)
        scope = self._scope(links)
        if self._wallets is not None and (committed := self._commit_remembered(connection, scope, self._wallets)):
            return committed
        book = self._lock_and_read(connection, scope)
        if self._sent is not None and _is_committed(connection, self._sent.book):
            connection.query("ROLLBACK")
            return self._sent.decisions
        decisions = decide(self._operations, book)
        if overdue := self._overdue(connection, decisions):
            # Money whose hold is over is its payer's, and money that was to arrive by now is there, whether or not
            # anybody has moved it yet: move it first.
            connection.query("ROLLBACK")
            self._operations = [*overdue, *self._operations]
            return self._execute(connection)
        writes = statements(book.rows, book.now, connection.dialect)
        if not writes:
            connection.query("ROLLBACK")
            return decisions
        self._sent = _Sent(decisions, book)
        connection.commit(*writes)
        if self._wallets is not None:
            self._wallets.keep(book.rows[Wallet])
        return decisions

    def _commit_remembered(self, connection: Connection, scope: Scope, wallets: KnownWallets) -> list[Decision] | None:
        """Decide on remembered wallets and commit if they are right; None where the locking path has to decide.

        A batch whose COMMIT was lost is looked for behind locks, and so is never here twice.
        """
        before = wallets.recall(scope.account_ids) if self._needs_wallets_only(connection, scope.links) else None
        if not before or may_owe(before):
            return None
        book = self._book(scope.links, accounts=copies(before))
        decisions = decide(self._operations, book)
        if not is_plain(book, decisions):
            return None
        sent = packet(book, before, scope.token_ids, connection.dialect)
        self._sent = _Sent(decisions, book)
        try:
            connection.commit(*sent)
        except Exception as error:
            if classify(error) in (ErrorKind.CONNECTION_LOST, ErrorKind.UNAVAILABLE):
                raise
            # It was answered, so nothing of it is in doubt: nothing was applied.
            self._sent, connection.commit_sent = None, False
            wallets.rejected(before)
            connection.query("ROLLBACK")
            return None
        wallets.committed()
        wallets.keep(book.rows[Wallet])
        return decisions

    def _needs_wallets_only(self, connection: Connection, links: Links) -> bool:
        if self._sent is not None or not connection.is_fresh:
            return False
        if links.transactions or links.holds or links.transits:
            return False
        return self._listening is None or self._listening.is_nobody

    def _book(self, links: Links, **found: Any) -> Book:
        moment = self._now()
        return Book(
            now=stored(moment),
            keys_since=stored(moment - timedelta(seconds=self._keys.lifetime_seconds)),
            links=links,
            forgets_refusals=self._keys.refusals == "forget",
            **found,
        )

    def _lock_and_read(self, connection: Connection, scope: Scope) -> Book:
        dialect = connection.dialect
        asked = [(read, text) for read in _LOCKS_AND_READS if (text := read.statement(scope, dialect))]
        listening = "" if self._listening is None else self._listening.statement(scope.account_ids)
        _, *answers = connection.query(dialect.begin, *[text for _, text in asked], *filter(None, [listening]))
        found: dict[str, Any] = {
            read.name: read.parse(rows) for (read, _), rows in zip(asked, answers[: len(asked)], strict=True)
        }
        if self._listening is not None and listening:
            found["audience"] = self._listening.audience(connection, scope.account_ids, answers[-1])
        if debts := select_debts(found["accounts"]):
            [owed] = connection.query(debts)
            found["debts"] = debts_of(owed)
        return self._book(scope.links, **found)

    def _overdue(self, connection: Connection, decisions: list[Decision]) -> list[Operation]:
        """What gives money to users who are short of it: their holds that are over, and what was to arrive by now.

        It is looked for once, and only where somebody is short.
        """
        if len(self._operations) != self._asked:
            return []
        short = {
            operation.header.user_id
            for operation, decision in zip(self._operations, decisions, strict=True)
            if decision.outcome in _SHORT and not decision.replayed
        }
        if not short:
            return []
        now = stored(self._now())
        holds, transits = connection.query(select_overdue(now, short), select_due(now, short))
        return [*[expire(*hold) for hold in overdue_of(holds)], *[conclude(*one) for one in due_of(transits)]]

    def _scope(self, links: Links) -> Scope:
        headers = [operation.header for operation in self._operations]
        account_ids = {header.user_id for header in headers}
        return Scope(
            account_ids=account_ids.union(*[operation.accounts(links) for operation in self._operations]),
            token_ids={header.token_id for header in headers} - {NIL},
            keys={(header.user_id, header.idempotency_key) for header in headers if header.idempotency_key},
            links=links,
        )


class Ledger:
    """Executes batches of operations, one after the other.

    Args:
        executor: its one thread executes them.
        now: the time that rows carry.
        listening: what the process knows of who listens; None where nobody ever does.
        keys: how idempotency keys behave, until somebody says otherwise.
        wallets: what is remembered of wallets; None for nothing.
        on_deliveries: called when something is to be delivered of what was executed.
    """

    def __init__(
        self,
        executor: Executor,
        now: Callable[[], datetime],
        *,
        listening: Listening | None = None,
        keys: Idempotency = PRESETS["shillings"],
        wallets: KnownWallets | None = None,
        on_deliveries: Callable[[], None] = lambda: None,
    ) -> None:
        self._executor = executor
        self._now = now
        self._listening = listening
        self.keys = keys
        self._on_deliveries = on_deliveries
        self._known = KnownLinks()
        self._wallets = wallets

    def forget(self) -> None:
        """Forget everybody: another epoch of the books has begun."""
        self._known.clear()
        if self._wallets is not None:
            self._wallets.clear()

    async def execute(self, take: Take[Operation]) -> list[Decision]:
        """Execute a batch; it is taken when the thread is free for it.

        Raises:
            Refusal: see `Executor.run`.
        """
        batch: LedgerBatch | None = None

        def work(connection: Connection) -> list[Decision]:
            nonlocal batch
            if batch is None:
                # Made once, however often it is run: it knows what became of the run before.
                operations = take()
                if not operations:
                    return []
                batch = LedgerBatch(operations, self._known, self._now, self._listening, self.keys, self._wallets)
            return batch.execute(connection)

        decisions = await self._executor.run(work)
        if batch is not None and batch.made_deliveries:
            self._on_deliveries()
        return decisions


def _is_committed(connection: Connection, book: Book) -> bool:
    evidence = proof(book.rows, book.now)
    [found] = connection.query(evidence.statement)
    return len(found) == evidence.rows
