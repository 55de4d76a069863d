"""The history: a user's transactions, newest first, page by page."""

import re

import msgspec

from shillings.app.call import Encoded, Result, SignedInCall
from shillings.app.identity import canonical_email
from shillings.app.newest_pages import PAGES_OF_ONE_BATCH_MAX, NewestPages
from shillings.app.times import parse_time
from shillings.auth.tokens import unauthenticated
from shillings.base.batching import Batcher, MakeBatcher, at_once
from shillings.base.clock import Clock, stored
from shillings.base.errors import Code, Refusal, invalid
from shillings.base.limits import PAGE_BYTES_MAX, PAGE_LIMIT_MAX, REFERENCE_CHARACTERS_MAX
from shillings.contract.fields import IDEMPOTENCY_KEY
from shillings.contract.shillings_pb2 import HistoryAnswer, HistoryRequest, Transaction, TransactionRequest
from shillings.ledger.rows import SHOWN_KINDS
from shillings.storage.executor import Executor
from shillings.storage.history import EVERYTHING, Filter, HistoryLine, HistoryQuery, read_pages

_NEWEST = 2**62
_CURSOR = re.compile(r"s[0-9]{1,18}")


class History:
    """Reads histories.

    Args:
        reads: the executor that reads them.
        clock: tells whether money on its way has arrived.
        make_batcher: batches reads.
    """

    def __init__(self, *, reads: Executor, clock: Clock, make_batcher: MakeBatcher) -> None:
        self._reads = reads
        self._clock = clock
        self._pages: Batcher[HistoryQuery, list[HistoryLine] | None] = make_batcher(
            "history", at_once(self._read), batch_items_max=PAGES_OF_ONE_BATCH_MAX
        )
        self._newest = NewestPages(reads=reads, clock=clock, make_batcher=make_batcher, encode=_encode)

    def forget(self) -> None:
        """Forget what was read: another epoch of the books has begun."""
        self._newest.forget()

    async def read(self, call: SignedInCall, request: HistoryRequest) -> Result:
        """A page of the history of the user who asks."""
        if not 1 <= request.limit <= PAGE_LIMIT_MAX:
            raise invalid("limit", f"must be 1 to {PAGE_LIMIT_MAX}.")
        claims = call.claims
        # One line more than asked for tells whether there is a next page.
        query = HistoryQuery(
            claims.user_id, claims.token_id, _before(request.cursor), request.limit + 1, _filter(request)
        )
        if query.before == _NEWEST and query.filter is EVERYTHING:
            data = await self._newest.read(query, call.deadline)
            if data is None:
                raise unauthenticated()
            return Result(Encoded(HistoryAnswer, data))
        return Result(_answer(await self._lines(call, query), query.limit))

    async def read_one(self, call: SignedInCall, request: TransactionRequest) -> Result:
        """One transaction of the user who asks; somebody else's is no different from none."""
        claims = call.claims
        wanted = Filter(transaction_id=request.transaction_id)
        lines = await self._lines(call, HistoryQuery(claims.user_id, claims.token_id, _NEWEST, 1, wanted))
        if not lines:
            raise Refusal(Code.NOT_FOUND, "You have no transaction of this id.", field="transaction_id")
        return Result(_transaction(lines[0]))

    async def _lines(self, call: SignedInCall, query: HistoryQuery) -> list[HistoryLine]:
        lines = await self._pages.submit(query, call.deadline)
        if lines is None:
            raise unauthenticated()
        return lines

    async def _read(self, queries: list[HistoryQuery]) -> list[list[HistoryLine] | None]:
        now = stored(self._clock.now())
        return await self._reads.run(lambda connection: read_pages(connection, queries, now))


def _answer(lines: list[HistoryLine], limit: int) -> HistoryAnswer:
    """A page; one line more than it may have tells that another follows. One that grows too large ends earlier."""
    answer, size = HistoryAnswer(), 0
    for line in lines[: limit - 1]:
        answer.transactions.append(one := _transaction(line))
        size += one.ByteSize()
        if size >= PAGE_BYTES_MAX:
            break
    shown = len(answer.transactions)
    if shown < len(lines):
        answer.next_cursor = f"s{lines[shown - 1].seq}"
    return answer


def _encode(lines: list[HistoryLine], limit: int) -> bytes:
    return _answer(lines, limit).SerializeToString()


def _before(cursor: str) -> int:
    """The entry number that a cursor means: the page holds the entries below it."""
    if not cursor:
        return _NEWEST
    if not _CURSOR.fullmatch(cursor):
        raise invalid("cursor", "is not one. Use the next_cursor of the page before, as it was.")
    return int(cursor[1:])


def _filter(request: HistoryRequest) -> Filter:
    """Which transactions are asked for. Raises Refusal."""
    wanted = Filter(
        idempotency_key=request.idempotency_key,
        reference=request.reference,
        kind=request.kind,
        counterparty_email=request.counterparty_email
        and canonical_email(request.counterparty_email, "counterparty_email"),
        created_after=_moment(request.created_after, "created_after"),
        created_before=_moment(request.created_before, "created_before"),
    )
    if wanted == EVERYTHING:
        return EVERYTHING
    if wanted.idempotency_key and not IDEMPOTENCY_KEY.fits(wanted.idempotency_key):
        raise Refusal(Code.INVALID_REQUEST, IDEMPOTENCY_KEY.sentence, field="idempotency_key")
    if len(wanted.reference) > REFERENCE_CHARACTERS_MAX or "\0" in wanted.reference:
        raise invalid("reference", f"must have at most {REFERENCE_CHARACTERS_MAX} characters, and no NUL.")
    if wanted.kind and wanted.kind not in SHOWN_KINDS:
        raise invalid("kind", f"must be one of: {', '.join(SHOWN_KINDS)}.")
    return wanted


def _moment(text: str, field: str) -> str:
    """A time in its stored form; empty for none. Raises Refusal."""
    return stored(parse_time(text, field)) if text else ""


def _transaction(line: HistoryLine) -> Transaction:
    return Transaction(
        transaction_id=line.transaction_id,
        kind=line.kind,
        sender_email=line.sender_email,
        receiver_email=line.receiver_email,
        amount_minor=line.amount,
        created_at=line.created_at,
        reference=line.reference,
        metadata=msgspec.json.decode(line.metadata) if line.metadata else {},
        refunded_minor=line.refunded,
        status=line.progress.status,
        settles_at=line.progress.settles_at,
    )
