"""The auditor: one connection that reads, changes nothing, and sees one moment at a time.

All reads of one audit are of one consistent snapshot, so it may be made while payments go on.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, NamedTuple, Self

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from shillings.audit.acknowledged import (
    Acknowledged,
    Transaction,
    differences,
    missing,
    named_twice,
    out_of_order,
    show,
    untold,
)
from shillings.audit.checks import CHECKS, Check, Depth
from shillings.audit.findings import FINDINGS_MAX, Finding
from shillings.audit.flows import Side
from shillings.audit.totals import BALANCES, BY_KIND, ENTRIES, Totals, moved, wrong_totals

_IDS_OF_ONE_SELECT = 5_000
_TRANSACTIONS = (
    "SELECT transaction_id, kind, sender_email, receiver_email, amount FROM transactions ORDER BY transaction_id"
)


class LedgerWrong(Exception):
    """The money is not right, or not what clients were told; the message says how."""


class Audit(NamedTuple):
    """What one audit came to.

    Args:
        findings: what is wrong; nothing when all is well.
        looked_up: how many acknowledged transactions were looked for.
    """

    findings: list[Finding]
    looked_up: int

    def count(self, code: str) -> int:
        """How many findings of one kind there are; see `FINDINGS_MAX`."""
        return sum(finding.code == code for finding in self.findings)

    def require_clean(self) -> None:
        """Raise LedgerWrong if anything was found."""
        if self.findings:
            raise LedgerWrong("; ".join(finding.message for finding in self.findings))


class Auditor:
    """Looks at one database; a context manager.

    Args:
        url: a SQLAlchemy URL, of SQLite or of the MySQL family.
    """

    def __init__(self, url: str) -> None:
        self._is_sqlite = url.startswith("sqlite:///")
        if self._is_sqlite:
            url = f"sqlite:///file:{url.removeprefix('sqlite:///')}?mode=ro&uri=true"
        self._engine = sa.create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        self._connection = self._engine.connect()
        if not self._is_sqlite:
            self._connection.exec_driver_sql("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def totals(self) -> Totals:
        """The sums at one moment; `wrong_totals` judges them."""
        with self._snapshot():
            return self._totals()

    def transactions(self) -> list[Transaction]:
        """Every transaction, in the order of their ids."""
        with self._snapshot():
            return self._transactions()

    def audit(
        self,
        told: Sequence[Acknowledged] | None = None,
        *,
        acknowledged: Sequence[bytes] = (),
        depth: Depth = Depth.LINES,
    ) -> Audit:
        """Hold the ledger against its own rules and against what clients were told.

        Args:
            told: everything that anybody was ever told is done, so that whatever else is in the ledger is wrong.
            acknowledged: ids of transactions that clients were told are done, where that is all that is known.
            depth: how thorough to be.
        """
        with self._snapshot():
            findings = wrong_totals(self._totals())
            for check in CHECKS:
                if check.depth <= depth:
                    findings += self._broken(check)
            findings += self._lost(acknowledged)
            if told is not None:
                findings += self._disagreements(told)
        return Audit(findings, len(acknowledged) + len(told or ()))

    def _totals(self) -> Totals:
        [(balances, lowest)] = self._all(BALANCES)
        [(entries, entry_count)] = self._all(ENTRIES)
        by_kind = {str(kind): (int(amount), int(count)) for kind, amount, count in self._all(BY_KIND)}
        by_side, entry_count_due = moved(by_kind)
        return Totals(
            balances=int(balances),
            lowest=int(lowest),
            topped_up=-by_side[Side.FUNDING],
            held=by_side[Side.HOLDING],
            in_transit=by_side[Side.TRANSIT],
            owed=-by_side[Side.DEBT],
            entries=int(entries),
            entry_count=int(entry_count),
            entry_count_due=entry_count_due,
        )

    def _transactions(self) -> list[Transaction]:
        return [Transaction(bytes(row[0]), *row[1:]) for row in self._all(_TRANSACTIONS)]

    def _broken(self, check: Check) -> Iterator[Finding]:
        for row in self._all(f"{check.statement} LIMIT {FINDINGS_MAX}"):
            values = [show(value) if isinstance(value, bytes) else value for value in row]
            yield Finding(check.code, check.sentence.format(*values))

    def _lost(self, acknowledged: Sequence[bytes]) -> Iterator[Finding]:
        yield from islice(named_twice(acknowledged), FINDINGS_MAX)
        lost = (finding for ids in _pieces(acknowledged) for finding in missing(ids, self._there(ids)))
        yield from islice(lost, FINDINGS_MAX)

    def _there(self, transaction_ids: Sequence[bytes]) -> set[bytes]:
        values = ",".join([f"x'{transaction_id.hex()}'" for transaction_id in transaction_ids])
        found = self._all(f"SELECT transaction_id FROM transactions WHERE transaction_id IN ({values})")
        return {bytes(row[0]) for row in found}

    def _disagreements(self, told: Sequence[Acknowledged]) -> Iterator[Finding]:
        ledger = {transaction.transaction_id: transaction for transaction in self._transactions()}
        ids = [one.transaction_id for one in told]
        entries = (
            (bytes(account_id), seq, bytes(transaction_id))
            for account_id, seq, transaction_id in self._all(
                "SELECT account_id, seq, transaction_id FROM entries ORDER BY account_id, seq"
            )
        )
        comparisons = (
            named_twice(ids),
            missing(ids, ledger.keys()),
            differences(ledger, told),
            untold(ledger, set(ids)),
            out_of_order(entries, told),
        )
        for found in comparisons:
            yield from islice(found, FINDINGS_MAX)

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        """Everything read inside is of one moment."""
        begin = "BEGIN" if self._is_sqlite else "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
        self._connection.exec_driver_sql(begin)
        try:
            yield
        finally:
            # A lost connection has nothing to end, and that it was lost is what is to be told.
            if not self._connection.invalidated:
                self._connection.exec_driver_sql("ROLLBACK")

    def _all(self, statement: str) -> Sequence[Sequence[Any]]:
        return self._connection.exec_driver_sql(statement).all()


def _pieces(ids: Sequence[bytes]) -> Iterable[Sequence[bytes]]:
    for at in range(0, len(ids), _IDS_OF_ONE_SELECT):
        yield ids[at : at + _IDS_OF_ONE_SELECT]
