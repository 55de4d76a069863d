"""What is remembered of the request log, and how somebody follows it who cannot keep up."""

import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from shillings.app.call import Call
from shillings.app.sandbox import inspection
from shillings.app.sandbox.inspection import FOLLOWED_MAX, Inspection
from shillings.app.sandbox.request_log import Record, RequestLog
from shillings.app.sandbox.request_store import RECORDS_MAX, LocalRequestStore, RecentRequests
from shillings.base.clock import FixedClock, SystemClock, rfc3339, stored
from shillings.base.environment import Environment
from shillings.base.errors import Refusal
from shillings.contract import shillings_pb2 as wire
from shillings.sandbox.oracle.evidence import Evidence
from shillings.sandbox.oracle.finding import Finding
from shillings.sandbox.oracle.judge import judge
from shillings.wire.framing import FRAME_BYTES_MAX
from tests.values import ENVIRONMENT, MOMENT, fixed_environment

KEPT_MAX = 10


class _NoRows:
    """A database with nothing in it."""

    async def run(self, _read: object) -> list[object]:
        """No rows."""
        return []


class Log:
    """A small log, and who inspects it."""

    def __init__(self, kept_max: int = KEPT_MAX, environment: Environment = ENVIRONMENT) -> None:
        self.requests = LocalRequestStore()
        self.requests._kept = RecentRequests(records_max=kept_max)
        self._log = RequestLog(self.requests.keep, environment)
        self._inspection = Inspection(
            self._log, self.requests, reads=cast(Any, _NoRows()), clock=SystemClock(), database_url=""
        )

    async def kept(self) -> RecentRequests:
        """What is remembered."""
        return await self.requests.latest()

    def pay(self, *keys: str, code: int = 0, data: bytes = b"") -> None:
        """Log a payment under each key."""
        for key in keys:
            request = wire.Request(command=wire.PAY, token="t", idempotency_key=key, request_id=key, data=data)
            self._log.end(self._log.begin(request), wire.Response(code=cast(Any, code)))

    def keep_lost(self, number: int) -> None:
        """Log a signed-in payment whose answer got lost."""
        record = Record(number, f"r{number}")
        record.command, record.user_id, record.key, record.data = wire.PAY, b"u", f"k{number}", b"%d" % number
        record.received_s = record.answered_s = float(number)
        record.fault = "lost_response;rule=header"
        self.requests.keep(record)

    async def audit(self) -> wire.AuditAnswer:
        """What the audit says, where the books are right."""
        answer = (await self._inspection.audit(cast(Call, None), wire.AuditRequest())).answer
        assert isinstance(answer, wire.AuditAnswer)
        return answer

    async def follow(self, cursor: str = "", **wanted: Any) -> wire.FollowRequestsAnswer:
        """What is new since."""
        request = wire.FollowRequestsRequest(cursor=cursor, **wanted)
        answer = (await self._inspection.follow(cast(Call, None), request)).answer
        assert isinstance(answer, wire.FollowRequestsAnswer)
        return answer


def keys(page: wire.FollowRequestsAnswer) -> list[str]:
    """Whose requests are on a page."""
    return [one.idempotency_key for one in page.requests]


def names(first: int, last: int) -> Iterable[str]:
    """The keys of so many requests."""
    return [f"k{number}" for number in range(first, last + 1)]


async def test_newest_are_remembered_under_their_numbers() -> None:
    """Of more than there is room for the newest stay, with the numbers they have always had."""
    log = Log()
    log.pay(*names(1, 25))
    kept = await log.kept()

    assert (kept.seen, kept.kept) == (25, KEPT_MAX)
    assert [(one.number, one.key) for one in kept.newest()][0::9] == [(25, "k25"), (16, "k16")]
    assert [one.number for one in kept.after(22)] == [23, 24, 25]
    assert [one.number for one in kept.after(3)] == [*range(16, 26)]
    assert [*kept.after(25)] == []


async def test_tries_are_counted_among_what_is_remembered() -> None:
    """A request knows how often the same was asked before, as far as that is remembered; another body is another."""
    log = Log()
    log.pay("a", "b", "a", "a")
    log.pay("a", data=b"\x10\x01")
    log.pay("", "")
    kept = await log.kept()

    assert [(one.key, one.tries) for one in kept.after(0)] == [
        ("a", 0), ("b", 0), ("a", 1), ("a", 2), ("a", 0), ("", 0), ("", 0),
    ]  # fmt: skip
    log.pay(*names(1, KEPT_MAX), "a")
    assert next(kept.newest()).tries == 0


def test_same_is_what_the_same_user_asked_with_the_same_command() -> None:
    """Another session of a user's is the same user; another user, or another command, is not the same request."""
    kept, tries = RecentRequests(), []
    for user, session, command in (
        (b"ann", b"1", wire.PAY), (b"ann", b"2", wire.PAY), (b"bob", b"1", wire.PAY), (b"ann", b"1", wire.HLD),
        (b"", b"1", wire.PAY), (b"", b"1", wire.PAY), (b"", b"2", wire.PAY),
    ):  # fmt: skip
        record = Record(1, "r")
        record.user_id, record.session, record.command, record.key = user, session, command, "key"
        kept.add(record)
        tries.append(record.tries)

    assert tries == [0, 1, 0, 0, 0, 1, 0]


async def test_who_follows_gets_what_is_new_and_only_that() -> None:
    """The first page is empty and says where the log ends; each later one has what came since, the oldest first."""
    log = Log()
    log.pay("old")
    begun = await log.follow()
    log.pay("one", "two")
    page = await log.follow(begun.cursor)

    assert (keys(begun), keys(page)) == ([], ["one", "two"])
    assert (page.missed, page.restarted) == (0, False)
    assert keys(await log.follow(page.cursor)) == []


async def test_who_asks_since_a_moment_begins_with_what_is_remembered() -> None:
    """With a moment the log is told from there, and nothing of it is called missed."""
    log = Log()
    log.pay(*names(1, 12))
    page = await log.follow(since="2020-01-01T00:00:00Z")

    assert (keys(page), page.missed) == (names(3, 12), 0)
    assert keys(await log.follow(since="2100-01-01T00:00:00Z")) == []


async def test_who_is_too_slow_is_told_how_much_was_missed() -> None:
    """What was forgotten before it was read is counted, and the rest is told."""
    log = Log()
    log.pay("k1", "k2")
    begun = await log.follow()
    log.pay(*names(3, 20))
    page = await log.follow(begun.cursor)

    assert (page.missed, keys(page)) == (8, names(11, 20))
    assert (await log.follow(page.cursor)).missed == 0


async def test_who_follows_over_a_reset_begins_again() -> None:
    """The cursor of another log gets all of this one, and is told so; numbers alone would lead astray."""
    log = Log()
    log.pay(*names(1, 5))
    begun = await log.follow()
    await log.requests.take_back()
    log.pay("new")
    page = await log.follow(begun.cursor)

    assert (page.restarted, page.missed, keys(page)) == (True, 0, ["new"])
    assert not (await log.follow(page.cursor)).restarted


async def test_filters_leave_out_and_the_cursor_moves_on() -> None:
    """What the filters leave out is not looked at again."""
    log = Log()
    begun = await log.follow()
    log.pay("good")
    log.pay("bad", "worse", code=wire.INSUFFICIENT_FUNDS)
    log.pay("good")
    page = await log.follow(begun.cursor, code="insufficient_funds")

    assert keys(page) == ["bad", "worse"]
    assert page.cursor == (await log.kept()).end
    assert keys(await log.follow(begun.cursor, endpoint=[wire.TPU])) == []


@pytest.mark.parametrize("kept_max", [FOLLOWED_MAX * 3])
async def test_a_page_has_a_limit_and_the_next_one_goes_on(kept_max: int) -> None:
    """Many requests come in several pages, none twice and none left out."""
    log = Log(kept_max)
    begun = await log.follow()
    log.pay(*names(1, 250))
    seen, cursor = [], begun.cursor
    for _ in range(3):
        page = await log.follow(cursor)
        assert len(page.requests) <= FOLLOWED_MAX
        seen += keys(page)
        cursor = page.cursor

    assert seen == names(1, 250)


async def test_large_requests_fit_a_frame() -> None:
    """Requests as large as the log keeps make small pages: a frame of the protocol has a limit."""
    log = Log(200)
    begun = await log.follow()
    log.pay(*names(1, 150), data=wire.PayRequest(metadata={"note": "\x01" * 4000}).SerializeToString())
    page = await log.follow(begun.cursor)

    assert 1 <= len(page.requests) < FOLLOWED_MAX
    assert page.ByteSize() < 512 * 1024


async def test_request_that_is_no_message_is_told_all_the_same() -> None:
    """What somebody sends who speaks the wire protocol otherwise does not break the log for everybody else."""
    log = Log()
    begun = await log.follow()
    log.pay("odd", data=b"\xff\xff", code=wire.INVALID_REQUEST)
    page = await log.follow(begun.cursor)

    assert [one.body for one in page.requests] == ["{}"]


@pytest.mark.parametrize("cursor", ["x", "-1", "1", "abc-", "abc-x", "abc--1", "abc-1.5", "abc-" + "9" * 30])
async def test_cursor_that_is_none_is_refused(cursor: str) -> None:
    """It names the field."""
    with pytest.raises(Refusal) as raised:
        await Log().follow(cursor)

    assert raised.value.field == "cursor"


@pytest.mark.parametrize(
    ("field", "value"), [("code", "great"), ("fault", "melt"), ("user_email", "ann"), ("since", "yesterday")]
)
async def test_filter_that_is_none_is_refused(field: str, value: str) -> None:
    """It names the field."""
    with pytest.raises(Refusal) as raised:
        await Log().follow(**{field: value})

    assert raised.value.field == field


async def test_audit_of_a_full_log_fits_a_frame_and_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """More findings than an answer holds are counted; the judging is done beside the event loop."""
    log = Log(RECORDS_MAX)
    for number in range(RECORDS_MAX):
        log.keep_lost(number)
    judged_in = []

    def judged(evidence: Evidence) -> list[Finding]:
        judged_in.append(threading.get_ident())
        return judge(evidence)

    monkeypatch.setattr(inspection, "judge", judged)
    monkeypatch.setattr(inspection, "_wrong_books", lambda _url: [])
    answer = await log.audit()

    assert judged_in != [threading.get_ident()]
    assert len(answer.SerializeToString()) < FRAME_BYTES_MAX
    assert len(answer.findings) + answer.findings_left_out == RECORDS_MAX
    assert {one.code for one in answer.findings} == {"never_resolved"}
    assert (answer.requests_seen, answer.requests_kept, answer.clean) == (RECORDS_MAX, RECORDS_MAX, False)


@pytest.mark.parametrize(("pause_s", "found"), [(0, ["hasty_retries"]), (1, [])])
async def test_users_see_their_clock_and_pauses_are_the_machines(
    monkeypatch: pytest.MonkeyPatch, pause_s: int, found: list[str]
) -> None:
    """Under a frozen clock a request shows the frozen time, and retries are still judged by how long clients waited."""
    monkeypatch.setattr(inspection, "_wrong_books", lambda _url: [])
    real = FixedClock(datetime.now(UTC))
    log = Log(environment=fixed_environment()._replace(real=real))
    for _ in range(4):
        log.pay("a", code=wire.UNAVAILABLE)
        real.moment += timedelta(seconds=pause_s)
    shown = rfc3339(stored(MOMENT))
    page = await log.follow(since=shown)

    assert [(one.received_at, one.answered_at) for one in page.requests] == [(shown, shown)] * 4
    assert [one.code for one in (await log.audit()).findings if one.code == "hasty_retries"] == found


@pytest.mark.no_cover  # it reads the clock
async def test_log_costs_little() -> None:
    """To log a request takes less than 10 microseconds of the processor, also when older ones must go for it."""
    log = Log(RECORDS_MAX)
    rounds = [names(500 * number, 500 * number + 499) for number in range(50)]

    def seconds(keys: Iterable[str]) -> float:
        began = time.process_time()
        log.pay(*keys)
        return (time.process_time() - began) / 500

    assert min(seconds(keys) for keys in rounds[-10:]) < 10e-6
