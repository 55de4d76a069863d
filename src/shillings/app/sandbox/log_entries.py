"""A record of the request log as people read it, and whether it is wanted."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from google.protobuf.message import DecodeError, Message

from shillings.app.sandbox.request_log import Record
from shillings.base import ids
from shillings.base.clock import rfc3339, stored
from shillings.base.errors import WORDS, Code
from shillings.contract import shillings_pb2 as wire
from shillings.contract.commands import BY_NUMBER

SECRETS = frozenset({"password", "new_password", "token", "secret"})
MASK = "***"


def matches(record: Record, wanted: wire.RequestsRequest | wire.FollowRequestsRequest, since: datetime | None) -> bool:
    """Whether a request is wanted: of these filters, and of this moment or later."""
    return (
        (not wanted.user_email or record.user_email == wanted.user_email)
        and (not wanted.endpoint or record.command in wanted.endpoint)
        and (not wanted.code or WORDS[record.code] == wanted.code)
        and (not wanted.fault or record.fault.partition(";")[0] == wanted.fault)
        and (since is None or (record.received_at is not None and record.received_at >= since))
    )


def entry(record: Record) -> wire.LoggedRequest:
    """A request as people read it."""
    command = BY_NUMBER.get(record.command)
    return wire.LoggedRequest(
        number=record.number,
        request_id=record.request_id,
        endpoint=[] if command is None else [record.command],  # type: ignore[list-item]
        method=record.edge_method,
        path=record.edge_path,
        user_email=record.user_email,
        idempotency_key=record.key,
        intent=record.intent,
        tries_before=record.tries,
        body=_json(command.request, record.data) if command else "{}",
        answer=_json(command.answer, record.answer) if command and record.code == Code.OK else "{}",
        code=WORDS[record.code],
        message=record.message,
        replayed=record.replayed,
        fault_applied=record.fault,
        transaction_id=ids.show(record.transaction_id) if record.transaction_id else "",
        received_at=_time(record.received_at),
        executed_at=_time(record.executed_at),
        answered_at=_time(record.answered_at),
    )


def _time(moment: datetime | None) -> str:
    return "" if moment is None else rfc3339(stored(moment))


def _json(kind: type[Message], data: bytes) -> str:
    """A message as JSON, with what is secret masked; amounts are in minor units under names that end with _minor."""
    try:
        return msgspec.json.encode(_fields(kind.FromString(data))).decode()
    except DecodeError:
        # What somebody sent who speaks the wire protocol otherwise.
        return "{}"


def _fields(message: Message) -> dict[str, Any]:
    return {field.name: _value(field.name, value) for field, value in message.ListFields()}


def _value(name: str, value: Any) -> Any:
    if name in SECRETS:
        return MASK
    if isinstance(value, bytes):
        return ids.show(value) if len(value) == 16 else value.hex()
    if isinstance(value, Message):
        return _fields(value)
    if isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, Mapping):
        return dict(value)
    return [_value(name, one) for one in value]
