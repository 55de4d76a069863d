"""The commands that read the request log, and the audit of the client that is made from it."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from itertools import islice

from shillings.app.call import Call, Result
from shillings.app.identity import canonical_email
from shillings.app.sandbox.log_entries import entry, matches
from shillings.app.sandbox.request_log import Record, RequestLog
from shillings.app.sandbox.request_store import RequestStore
from shillings.app.times import parse_time
from shillings.audit.auditor import Auditor
from shillings.base.clock import Clock, stored
from shillings.base.errors import WORDS, invalid
from shillings.base.limits import PAGE_LIMIT_MAX
from shillings.contract import commands
from shillings.contract import shillings_pb2 as wire
from shillings.contract.commands import BY_NUMBER, Auth, Effect
from shillings.sandbox.faults.catalogue import REQUEST
from shillings.sandbox.oracle.evidence import UNKNOWN_CODES, Attempt, Delivery, Evidence, Hold, LoggedRequest
from shillings.sandbox.oracle.finding import EVIDENCE_MAX, Finding
from shillings.sandbox.oracle.judge import BY_CODE, judge
from shillings.storage.deliveries import Tried, find_tried
from shillings.storage.executor import Executor
from shillings.storage.holds import find_left_open
from shillings.storage.transits import find_pending_topups

FOLLOWED_MAX = 100
"""Requests of one page, for who follows the log."""

LISTED_BYTES_MAX, FOLLOWED_BYTES_MAX = 768 * 1024, 256 * 1024
"""How large a page is before it ends: a frame has a limit. One request more, of at most some 50 kB, is on it still."""

LOOKED_AT_MAX = 5_000
"""How many requests are looked at for one page: filters may leave most of them out."""

LOOKUPS = frozenset({commands.TXQ.name, commands.TXG.name})
LOGOUTS = frozenset({commands.LGO.name, commands.CLS.name})


class Inspection:
    """Reads the log and judges by it.

    Args:
        log: told of requests that never became commands.
        requests: those that the log has.
        reads: the executor that reads holds.
        clock: tells whether a hold's time is over.
        database_url: where the books are, for the auditor.
    """

    def __init__(
        self, log: RequestLog, requests: RequestStore, *, reads: Executor, clock: Clock, database_url: str
    ) -> None:
        self._log = log
        self._requests = requests
        self._reads = reads
        self._clock = clock
        self._database_url = database_url

    async def list_requests(self, _call: Call, request: wire.RequestsRequest) -> Result:
        """The newest requests that match, newest first."""
        if not 1 <= request.limit <= PAGE_LIMIT_MAX:
            raise invalid("limit", f"must be 1 to {PAGE_LIMIT_MAX}.")
        since = _check(request)
        kept = await self._requests.complete()
        answer = wire.RequestsAnswer(seen=kept.seen, kept=kept.kept)
        found = (one for one in kept.newest() if one.number > request.after and matches(one, request, since))
        page, _ = _page(found, request.limit, LISTED_BYTES_MAX)
        # Of several servers one may have told of its requests a moment later than another.
        page.sort(key=lambda one: one[0].answered_s, reverse=True)
        answer.requests.extend([shown for _, shown in page])
        return Result(answer)

    async def follow(self, _call: Call, request: wire.FollowRequestsRequest) -> Result:
        """What was answered since the cursor, the oldest first; a page of it."""
        since = _check(request)
        kept = await self._requests.latest(request.cursor)
        if not request.cursor and not request.since:
            return Result(wire.FollowRequestsAnswer(cursor=kept.end))
        position, restarted = kept.find(request.cursor) if request.cursor else (0, False)
        forgotten = kept.seen - kept.kept
        # Who comes for the first time has missed nothing.
        missed = max(0, forgotten - position) if request.cursor and not restarted else 0
        answer = wire.FollowRequestsAnswer(missed=missed, restarted=restarted)
        looked_at = list(islice(kept.after(position), LOOKED_AT_MAX))
        found = (one for one in looked_at if matches(one, request, since))
        page, full = _page(found, FOLLOWED_MAX, FOLLOWED_BYTES_MAX)
        answer.requests.extend([shown for _, shown in page])
        read = [record for record, _ in page] if full else looked_at
        last = read[-1].number if read else position
        answer.cursor = f"{kept.name}-{last}"
        return Result(answer)

    async def note(self, _call: Call, request: wire.NoteRequest) -> Result:
        """A web server tells of a request that it refused, or whose answer it did not get."""
        self._log.refused(request.request_id, request.method, request.path, request.code, request.message)
        return Result(wire.NoteAnswer())

    async def audit(self, _call: Call, _request: wire.AuditRequest) -> Result:
        """Whether the money is right, and whether the client behaved."""
        kept = await self._requests.complete()
        records, seen = list(kept.after(0)), kept.seen
        now = stored(self._clock.now())
        holds = await self._reads.run(lambda connection: find_left_open(connection, now))
        tried = await self._reads.run(find_tried)
        pending = await self._reads.run(find_pending_topups)
        # A full log takes a second to judge, and others are served meanwhile.
        answer = await asyncio.to_thread(_judged, records, holds, tried, pending, self._database_url)
        answer.requests_seen, answer.requests_kept = seen, len(records)
        return Result(answer)


def _judged(
    records: Sequence[Record],
    holds: Iterable[tuple[bytes, str]],
    tried: Iterable[Tried],
    pending: Collection[bytes],
    url: str,
) -> wire.AuditAnswer:
    """What the oracle finds, the worst first, as far as one answer holds it."""
    evidence = Evidence(
        # In the order in which they came: of one server's its own count, of several servers' the time says it.
        requests=_requests(sorted(records, key=lambda record: (record.received_s, record.arrival))),
        holds=[Hold(hold_id, status) for hold_id, status in holds],
        deliveries=[_delivery(one) for one in tried],
        wrong_books=_wrong_books(url),
        lookups=LOOKUPS,
        logouts=LOGOUTS,
        pending_topups=pending,
    )
    found = judge(evidence)
    answer, size = wire.AuditAnswer(clean=not found), 0
    for finding in found:
        answer.findings.append(one := _finding(finding))
        size += one.ByteSize()
        if size >= LISTED_BYTES_MAX:
            break
    answer.findings_left_out = len(found) - len(answer.findings)
    return answer


def _page(found: Iterable[Record], limit: int, bytes_max: int) -> tuple[list[tuple[Record, wire.LoggedRequest]], bool]:
    """The first requests, each with the form in which it is shown, and whether the page is full."""
    page, size = [], 0
    for record in found:
        shown = entry(record)
        page.append((record, shown))
        size += shown.ByteSize()
        if size >= bytes_max or len(page) >= limit:
            return page, True
    return page, False


def _check(request: wire.RequestsRequest | wire.FollowRequestsRequest) -> datetime | None:
    """Bring the filters into their one form; return the moment asked for. Raises Refusal for one that is none."""
    if len(request.endpoint) > len(BY_NUMBER):
        raise invalid("endpoint", f"names more than the {len(BY_NUMBER)} commands there are.")
    if request.code and request.code not in WORDS:
        raise invalid("code", f"is none that there is. There are: {', '.join(WORDS)}.")
    if request.fault and REQUEST.find(request.fault) is None:
        raise invalid("fault", f"is none of a request. There are: {', '.join(one.name for one in REQUEST.faults)}.")
    if request.user_email:
        request.user_email = canonical_email(request.user_email, "user_email")
    return parse_time(request.since, "since") if request.since else None


def _delivery(tried: Tried) -> Delivery:
    ends = [Attempt(outcome, fault) for outcome, fault in tried.attempts]
    return Delivery(tried.event_id, tried.object_id, tried.sequence, tried.state, ends)


def _wrong_books(url: str) -> list[str]:
    with Auditor(url) as auditor:
        return [finding.message for finding in auditor.audit().findings]


def _requests(records: Sequence[Record]) -> list[LoggedRequest]:
    """The log as the oracle reads it. The sandbox's own calls are not the client's."""
    # What a web server gave up on was answered here all the same; its client does not know that.
    lost = {r.request_id: WORDS[r.code] for r in records if r.command < 0 and WORDS[r.code] in UNKNOWN_CODES}
    return [_logged(number, record, lost) for number, record in enumerate(records, start=1) if _is_clients(record)]


def _is_clients(record: Record) -> bool:
    command = BY_NUMBER.get(record.command)
    return command is not None and command.auth in (Auth.NONE, Auth.SESSION) and command is not commands.RDY


def _logged(number: int, record: Record, lost: Mapping[str, str]) -> LoggedRequest:
    command = BY_NUMBER[record.command]
    return LoggedRequest(
        number,
        record.request_id,
        command.name,
        user_id=record.user_id,
        session=record.session,
        writes=command.effect is Effect.WRITE,
        takes_key=command.takes_key and command.auth is Auth.SESSION,
        key=record.key,
        body=blake2b(record.data, digest_size=8).digest(),
        intent=record.intent,
        received_s=record.received_s,
        answered_s=record.answered_s,
        code=lost.get(record.request_id, WORDS[record.code]),
        replayed=record.replayed,
        retry_after_s=record.retry_after_s,
        fault=record.fault.partition(";")[0],
        transaction_id=record.transaction_id,
    )


def _finding(finding: Finding) -> wire.Finding:
    detector = BY_CODE[finding.code]
    return wire.Finding(
        code=finding.code,
        severity=detector.severity.value,
        confidence=finding.confidence.value,
        message=finding.message,
        requests=finding.requests[:EVIDENCE_MAX],
        transactions=finding.transactions[:EVIDENCE_MAX],
        deliveries=finding.deliveries[:EVIDENCE_MAX],
        holds=finding.holds[:EVIDENCE_MAX],
        hint=detector.hint,
    )
