"""The rule of the ledger: what becomes of each operation of a batch, in order of arrival."""

from collections.abc import Iterable

from shillings.base.ids import NIL
from shillings.ledger.book import Book
from shillings.ledger.operation import Decision, Operation
from shillings.ledger.outcomes import Outcome
from shillings.ledger.rows import ExpiredKey, KeyRow


def decide(operations: Iterable[Operation], book: Book) -> list[Decision]:
    """Decide a batch. What it comes to is in the book afterwards.

    Args:
        operations: in order of arrival.
        book: what was read under the locks of every account that the operations name.

    Returns:
        A decision for each operation, in order.
    """
    return [_decide(operation, book) for operation in operations]


def _decide(operation: Operation, book: Book) -> Decision:
    """What holds for every operation, in order of precedence; then the operation's own decision."""
    header = operation.header
    if header.token_id in book.revoked or header.user_id not in book.accounts:
        # Whoever has no wallet is gone: the books were reset, or the account was closed, since the session was checked.
        return Decision(Outcome.UNAUTHENTICATED, NIL)
    if not header.idempotency_key:
        outcome = operation.decide(book)
        return Decision(outcome, header.id if outcome is Outcome.OK else NIL)
    key = (header.user_id, header.idempotency_key)
    earlier = book.answers.get(key)
    if earlier is not None and earlier.created_at >= book.keys_since:
        if earlier.fingerprint != header.fingerprint:
            return Decision(Outcome.IDEMPOTENCY_KEY_REUSED, NIL)
        return Decision(earlier.outcome, earlier.transaction_id, replayed=True)
    outcome = operation.decide(book)
    if outcome is not Outcome.OK and book.forgets_refusals:
        return Decision(outcome, NIL)
    transaction_id = header.id if outcome is Outcome.OK else NIL
    if earlier is not None:
        book.write(ExpiredKey(*key))
    row = KeyRow(header.user_id, header.idempotency_key, header.fingerprint, outcome, transaction_id, book.now)
    book.answers[key] = row
    book.write(row)
    return Decision(outcome, transaction_id)
