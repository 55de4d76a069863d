"""Deliverers report what became of their attempts: one database transaction for as many reports as there are."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from shillings.base.clock import FORMAT, stored
from shillings.base.ids import show
from shillings.base.limits import ATTEMPT_DETAIL_CHARACTERS_MAX
from shillings.contract.events import EventType
from shillings.ledger.events import Event
from shillings.storage.event_writes import event_statements, read_audience
from shillings.storage.executor import Connection
from shillings.storage.sql import in_list, literal
from shillings.webhooks.attempts import Attempt, AttemptOutcome
from shillings.webhooks.settling import DeliveryState, Settled, settle


class Report(NamedTuple):
    """One attempt's end.

    Args:
        report_id: made before it is stored; what it brings about has its ids from it.
        deliverer_id: whose attempt it was.
        endpoint_id, event_id: of the delivery.
        attempt: how it ended.
        fault: what was done to it on purpose; empty for nothing.
    """

    report_id: bytes
    deliverer_id: bytes
    endpoint_id: bytes
    event_id: bytes
    attempt: Attempt
    fault: str = ""


class _Delivery(NamedTuple):
    state: str
    attempts: int
    since_resent: int
    leased_by: bytes


class _Endpoint(NamedTuple):
    user_id: bytes
    url: str
    enabled: bool
    failing_since: datetime | None


class Reports:
    """A batch of reports; `execute` is an executor's work.

    Safe to run twice: a report counts only while its deliverer has the delivery, or as news that it was accepted after
    all; an earlier run has ended that.

    Args:
        reports: in the order of their arrival.
        now: the environment's time.
        rng: for jitter.
        pauses: the pause before each attempt.
    """

    def __init__(self, reports: Sequence[Report], now: datetime, rng: random.Random, pauses: tuple[float, ...]) -> None:
        self._reports = reports
        self._now = now
        self._rng = rng
        self._pauses = pauses

    def execute(self, connection: Connection) -> list[None]:
        """Store what became of the attempts, and what follows from it."""
        deliveries, endpoints = self._lock(connection)
        statements: list[str] = []
        attempts: list[str] = []
        accepted: dict[bytes, list[bytes]] = {}
        for report in self._reports:
            key = (report.endpoint_id, report.event_id)
            delivery, endpoint = deliveries.get(key), endpoints.get(report.endpoint_id)
            if delivery is None or not _counts(report, delivery):
                continue
            settled = settle(
                report.attempt,
                delivery.since_resent + 1,
                endpoint.failing_since if endpoint else None,
                self._now,
                self._rng,
                self._pauses,
            )
            deliveries[key] = _Delivery(settled.state, delivery.attempts + 1, delivery.since_resent + 1, b"")
            attempts.append(self._attempt(report, delivery.attempts + 1))
            if settled.state == DeliveryState.DELIVERED:
                accepted.setdefault(report.endpoint_id, []).append(report.event_id)
            else:
                statements.append(self._update(report, delivery, settled))
            if endpoint is not None and endpoint.enabled:
                statements += self._change_endpoint(connection, report, endpoint, settled)
                endpoints[report.endpoint_id] = endpoint._replace(
                    failing_since=settled.failing_since, enabled=not settled.disabled_reason
                )
        # Behind the failures: one that was told of both has failed first.
        statements += [self._accept(endpoint_id, event_ids) for endpoint_id, event_ids in accepted.items()]
        if attempts:
            statements.append(
                "INSERT INTO attempts (endpoint_id, event_id, attempt, outcome, http_status, answer, detail, fault,"
                f" took_ms, created_at) VALUES {','.join(attempts)}"
            )
        connection.commit(*statements)
        return [None] * len(self._reports)

    def _lock(self, connection: Connection) -> tuple[dict[tuple[bytes, bytes], _Delivery], dict[bytes, _Endpoint]]:
        dialect = connection.dialect
        keys = sorted({(report.endpoint_id, report.event_id) for report in self._reports})
        events: dict[bytes, list[bytes]] = {}
        for endpoint_id, event_id in keys:
            events.setdefault(endpoint_id, []).append(event_id)
        which = " OR ".join([_which(*one) for one in events.items()])
        _, found, endpoints = connection.query(
            dialect.begin,
            "SELECT endpoint_id, event_id, state, attempts, attempts_since_resent, leased_by FROM deliveries"
            f" WHERE {which}{dialect.for_update}",
            "SELECT endpoint_id, user_id, url, enabled, CAST(failing_since AS CHAR(26)) FROM webhook_endpoints"
            f" WHERE endpoint_id IN ({in_list(events)}) ORDER BY endpoint_id{dialect.for_update}",
        )
        return (
            {(bytes(row[0]), bytes(row[1])): _Delivery(row[2], row[3], row[4], bytes(row[5] or b"")) for row in found},
            {bytes(row[0]): _Endpoint(bytes(row[1]), row[2], bool(row[3]), _moment(row[4])) for row in endpoints},
        )

    def _accept(self, endpoint_id: bytes, event_ids: list[bytes]) -> str:
        """All that one endpoint has accepted: most of what there is to report, in one statement."""
        return (
            f"UPDATE deliveries SET state = '{DeliveryState.DELIVERED}', attempts = attempts + 1,"
            " attempts_since_resent = attempts_since_resent + 1, due_at = NULL, leased_by = NULL, put_off = 0,"
            f" updated_at = '{stored(self._now)}' WHERE {_which(endpoint_id, event_ids)}"
        )

    def _update(self, report: Report, delivery: _Delivery, settled: Settled) -> str:
        due_at = "NULL" if settled.due_at is None else f"'{stored(settled.due_at)}'"
        return (
            f"UPDATE deliveries SET state = '{settled.state}', attempts = {delivery.attempts + 1},"
            f" attempts_since_resent = {delivery.since_resent + 1}, due_at = {due_at}, leased_by = NULL, put_off = 0,"
            f" updated_at = '{stored(self._now)}'"
            f" WHERE endpoint_id = {literal(report.endpoint_id)} AND event_id = {literal(report.event_id)}"
        )

    def _attempt(self, report: Report, number: int) -> str:
        attempt = report.attempt
        detail = attempt.detail.replace("\0", "")[:ATTEMPT_DETAIL_CHARACTERS_MAX]
        return (
            f"({literal(report.endpoint_id)},{literal(report.event_id)},{number},'{attempt.outcome}',{attempt.status},"
            f"{literal(attempt.answer)},{literal(detail)},{literal(report.fault)},{attempt.took_ms},"
            f"'{stored(self._now)}')"
        )

    def _change_endpoint(
        self, connection: Connection, report: Report, endpoint: _Endpoint, settled: Settled
    ) -> list[str]:
        """Note that an endpoint begins to fail, or does so no longer; switch it off, and tell its owner."""
        which = f"WHERE endpoint_id = {literal(report.endpoint_id)}"
        if settled.disabled_reason:
            off = (
                f"UPDATE webhook_endpoints SET enabled = 0, disabled_reason = '{settled.disabled_reason}',"
                f" updated_at = '{stored(self._now)}' {which}"
            )
            return [off, *self._tell(connection, report, endpoint, settled.disabled_reason)]
        if settled.failing_since == endpoint.failing_since:
            return []
        since = "NULL" if settled.failing_since is None else f"'{stored(settled.failing_since)}'"
        return [f"UPDATE webhook_endpoints SET failing_since = {since} {which}"]

    def _tell(self, connection: Connection, report: Report, endpoint: _Endpoint, reason: str) -> list[str]:
        """Have the owner's other endpoints hear of it. Numbering the owner's events takes the lock on the wallet."""
        user, of = literal(endpoint.user_id), literal(report.endpoint_id)
        _, told, newest = connection.query(
            f"SELECT user_id FROM users WHERE user_id = {user}{connection.dialect.for_update}",
            f"SELECT COUNT(*) FROM events WHERE user_id = {user} AND object_id = {of}",
            f"SELECT MAX(number) FROM events WHERE user_id = {user}",
        )
        audience = read_audience(connection, [endpoint.user_id])
        audience.everybody = True
        # The operator is no user, and has numbers all the same.
        audience.numbers[endpoint.user_id] = newest[0][0] or 0
        audience.listeners = [one for one in audience.listeners if one.endpoint_id != report.endpoint_id]
        data = {"endpoint_id": show(report.endpoint_id), "url": endpoint.url, "reason": reason}
        event = Event(endpoint.user_id, EventType.WEBHOOK_ENDPOINT_DISABLED, report.endpoint_id, told[0][0] + 1, data)
        return event_statements(*audience.told(report.report_id, (event,)), stored(self._now))


def _counts(report: Report, delivery: _Delivery) -> bool:
    """Whether a report is news: of whoever has the delivery, or that it was accepted after all."""
    if delivery.state == DeliveryState.DELIVERED:
        return False
    return delivery.leased_by == report.deliverer_id or report.attempt.outcome is AttemptOutcome.ACCEPTED


def _which(endpoint_id: bytes, event_ids: Sequence[bytes]) -> str:
    return f"endpoint_id = {literal(endpoint_id)} AND event_id IN ({in_list(event_ids)})"


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.strptime(text, FORMAT).replace(tzinfo=UTC)
