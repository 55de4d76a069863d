from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Command(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LGN: _ClassVar[Command]
    SGN: _ClassVar[Command]
    USR: _ClassVar[Command]
    PAY: _ClassVar[Command]
    TPU: _ClassVar[Command]
    TXQ: _ClassVar[Command]
    LGO: _ClassVar[Command]
    RDY: _ClassVar[Command]
    PWD: _ClassVar[Command]
    EML: _ClassVar[Command]
    CLS: _ClassVar[Command]
    TXG: _ClassVar[Command]
    RFD: _ClassVar[Command]
    HLD: _ClassVar[Command]
    HLQ: _ClassVar[Command]
    HLG: _ClassVar[Command]
    CAP: _ClassVar[Command]
    VOI: _ClassVar[Command]
    FLT: _ClassVar[Command]
    FLS: _ClassVar[Command]
    FLC: _ClassVar[Command]
    FLR: _ClassVar[Command]
    WHY: _ClassVar[Command]
    IDQ: _ClassVar[Command]
    IDC: _ClassVar[Command]
    RQL: _ClassVar[Command]
    NTE: _ClassVar[Command]
    AUD: _ClassVar[Command]
    CKR: _ClassVar[Command]
    CKA: _ClassVar[Command]
    CKF: _ClassVar[Command]
    CKX: _ClassVar[Command]
    RST: _ClassVar[Command]
    SNM: _ClassVar[Command]
    SNL: _ClassVar[Command]
    SNR: _ClassVar[Command]
    SND: _ClassVar[Command]
    FIX: _ClassVar[Command]
    TPS: _ClassVar[Command]
    TPR: _ClassVar[Command]
    RFS: _ClassVar[Command]
    RFF: _ClassVar[Command]
    EVQ: _ClassVar[Command]
    WEC: _ClassVar[Command]
    WEQ: _ClassVar[Command]
    WEU: _ClassVar[Command]
    WED: _ClassVar[Command]
    DLQ: _ClassVar[Command]
    DLR: _ClassVar[Command]
    OEQ: _ClassVar[Command]
    OWC: _ClassVar[Command]
    OWQ: _ClassVar[Command]
    OWU: _ClassVar[Command]
    OWD: _ClassVar[Command]
    ODQ: _ClassVar[Command]
    ODR: _ClassVar[Command]
    CLM: _ClassVar[Command]
    RPT: _ClassVar[Command]
    RQF: _ClassVar[Command]

class Code(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OK: _ClassVar[Code]
    INVALID_REQUEST: _ClassVar[Code]
    UNAUTHENTICATED: _ClassVar[Code]
    INSUFFICIENT_FUNDS: _ClassVar[Code]
    NOT_FOUND: _ClassVar[Code]
    RECEIVER_NOT_FOUND: _ClassVar[Code]
    METHOD_NOT_ALLOWED: _ClassVar[Code]
    EMAIL_TAKEN: _ClassVar[Code]
    PAYLOAD_TOO_LARGE: _ClassVar[Code]
    UNSUPPORTED_MEDIA_TYPE: _ClassVar[Code]
    IDEMPOTENCY_KEY_REUSED: _ClassVar[Code]
    SELF_PAYMENT: _ClassVar[Code]
    BALANCE_LIMIT_EXCEEDED: _ClassVar[Code]
    UNAVAILABLE: _ClassVar[Code]
    OVERLOADED: _ClassVar[Code]
    INTERNAL: _ClassVar[Code]
    TIMEOUT: _ClassVar[Code]
    RATE_LIMITED: _ClassVar[Code]
    ACCOUNT_NOT_EMPTY: _ClassVar[Code]
    FORBIDDEN: _ClassVar[Code]
    IDEMPOTENCY_CONFLICT: _ClassVar[Code]
    NOT_REFUNDABLE: _ClassVar[Code]
    HOLD_ALREADY_CAPTURED: _ClassVar[Code]
    HOLD_ALREADY_VOIDED: _ClassVar[Code]
    HOLD_EXPIRED: _ClassVar[Code]
    CAPTURE_EXCEEDS_HOLD: _ClassVar[Code]
    REFUND_EXCEEDS_PAYMENT: _ClassVar[Code]
    ALREADY_SETTLED: _ClassVar[Code]
    ALREADY_RETURNED: _ClassVar[Code]
    DEBT_OUTSTANDING: _ClassVar[Code]
LGN: Command
SGN: Command
USR: Command
PAY: Command
TPU: Command
TXQ: Command
LGO: Command
RDY: Command
PWD: Command
EML: Command
CLS: Command
TXG: Command
RFD: Command
HLD: Command
HLQ: Command
HLG: Command
CAP: Command
VOI: Command
FLT: Command
FLS: Command
FLC: Command
FLR: Command
WHY: Command
IDQ: Command
IDC: Command
RQL: Command
NTE: Command
AUD: Command
CKR: Command
CKA: Command
CKF: Command
CKX: Command
RST: Command
SNM: Command
SNL: Command
SNR: Command
SND: Command
FIX: Command
TPS: Command
TPR: Command
RFS: Command
RFF: Command
EVQ: Command
WEC: Command
WEQ: Command
WEU: Command
WED: Command
DLQ: Command
DLR: Command
OEQ: Command
OWC: Command
OWQ: Command
OWU: Command
OWD: Command
ODQ: Command
ODR: Command
CLM: Command
RPT: Command
RQF: Command
OK: Code
INVALID_REQUEST: Code
UNAUTHENTICATED: Code
INSUFFICIENT_FUNDS: Code
NOT_FOUND: Code
RECEIVER_NOT_FOUND: Code
METHOD_NOT_ALLOWED: Code
EMAIL_TAKEN: Code
PAYLOAD_TOO_LARGE: Code
UNSUPPORTED_MEDIA_TYPE: Code
IDEMPOTENCY_KEY_REUSED: Code
SELF_PAYMENT: Code
BALANCE_LIMIT_EXCEEDED: Code
UNAVAILABLE: Code
OVERLOADED: Code
INTERNAL: Code
TIMEOUT: Code
RATE_LIMITED: Code
ACCOUNT_NOT_EMPTY: Code
FORBIDDEN: Code
IDEMPOTENCY_CONFLICT: Code
NOT_REFUNDABLE: Code
HOLD_ALREADY_CAPTURED: Code
HOLD_ALREADY_VOIDED: Code
HOLD_EXPIRED: Code
CAPTURE_EXCEEDS_HOLD: Code
REFUND_EXCEEDS_PAYMENT: Code
ALREADY_SETTLED: Code
ALREADY_RETURNED: Code
DEBT_OUTSTANDING: Code

class Request(_message.Message):
    __slots__ = ("id", "command", "token", "timeout_ms", "idempotency_key", "trace", "data", "request_id", "currency", "sandbox_options", "address")
    ID_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    TRACE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    SANDBOX_OPTIONS_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    id: int
    command: Command
    token: str
    timeout_ms: int
    idempotency_key: str
    trace: str
    data: bytes
    request_id: str
    currency: str
    sandbox_options: SandboxOptions
    address: str
    def __init__(self, id: _Optional[int] = ..., command: _Optional[_Union[Command, str]] = ..., token: _Optional[str] = ..., timeout_ms: _Optional[int] = ..., idempotency_key: _Optional[str] = ..., trace: _Optional[str] = ..., data: _Optional[bytes] = ..., request_id: _Optional[str] = ..., currency: _Optional[str] = ..., sandbox_options: _Optional[_Union[SandboxOptions, _Mapping]] = ..., address: _Optional[str] = ...) -> None: ...

class SandboxOptions(_message.Message):
    __slots__ = ("fault", "intent", "held")
    FAULT_FIELD_NUMBER: _ClassVar[int]
    INTENT_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    fault: str
    intent: str
    held: str
    def __init__(self, fault: _Optional[str] = ..., intent: _Optional[str] = ..., held: _Optional[str] = ...) -> None: ...

class Response(_message.Message):
    __slots__ = ("id", "code", "message", "data", "replayed", "field", "retry_after_s", "delivery", "fault_applied")
    ID_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_S_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    FAULT_APPLIED_FIELD_NUMBER: _ClassVar[int]
    id: int
    code: Code
    message: str
    data: bytes
    replayed: bool
    field: str
    retry_after_s: int
    delivery: Delivery
    fault_applied: str
    def __init__(self, id: _Optional[int] = ..., code: _Optional[_Union[Code, str]] = ..., message: _Optional[str] = ..., data: _Optional[bytes] = ..., replayed: _Optional[bool] = ..., field: _Optional[str] = ..., retry_after_s: _Optional[int] = ..., delivery: _Optional[_Union[Delivery, _Mapping]] = ..., fault_applied: _Optional[str] = ...) -> None: ...

class Delivery(_message.Message):
    __slots__ = ("how", "wait_ms")
    class How(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        WHOLE: _ClassVar[Delivery.How]
        AGAIN: _ClassVar[Delivery.How]
        RESET: _ClassVar[Delivery.How]
        CLOSE: _ClassVar[Delivery.How]
        TRUNCATE: _ClassVar[Delivery.How]
        HANG: _ClassVar[Delivery.How]
        HALF: _ClassVar[Delivery.How]
        HTML: _ClassVar[Delivery.How]
        EMPTY: _ClassVar[Delivery.How]
    WHOLE: Delivery.How
    AGAIN: Delivery.How
    RESET: Delivery.How
    CLOSE: Delivery.How
    TRUNCATE: Delivery.How
    HANG: Delivery.How
    HALF: Delivery.How
    HTML: Delivery.How
    EMPTY: Delivery.How
    HOW_FIELD_NUMBER: _ClassVar[int]
    WAIT_MS_FIELD_NUMBER: _ClassVar[int]
    how: Delivery.How
    wait_ms: int
    def __init__(self, how: _Optional[_Union[Delivery.How, str]] = ..., wait_ms: _Optional[int] = ...) -> None: ...

class LoginRequest(_message.Message):
    __slots__ = ("email", "password")
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    email: str
    password: str
    def __init__(self, email: _Optional[str] = ..., password: _Optional[str] = ...) -> None: ...

class LoginAnswer(_message.Message):
    __slots__ = ("token", "lifetime_s")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    LIFETIME_S_FIELD_NUMBER: _ClassVar[int]
    token: str
    lifetime_s: int
    def __init__(self, token: _Optional[str] = ..., lifetime_s: _Optional[int] = ...) -> None: ...

class SignupRequest(_message.Message):
    __slots__ = ("first_name", "middle_name", "last_name", "email", "phone", "password")
    FIRST_NAME_FIELD_NUMBER: _ClassVar[int]
    MIDDLE_NAME_FIELD_NUMBER: _ClassVar[int]
    LAST_NAME_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    PHONE_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    first_name: str
    middle_name: str
    last_name: str
    email: str
    phone: str
    password: str
    def __init__(self, first_name: _Optional[str] = ..., middle_name: _Optional[str] = ..., last_name: _Optional[str] = ..., email: _Optional[str] = ..., phone: _Optional[str] = ..., password: _Optional[str] = ...) -> None: ...

class SignupAnswer(_message.Message):
    __slots__ = ("user_id",)
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    user_id: bytes
    def __init__(self, user_id: _Optional[bytes] = ...) -> None: ...

class PasswordRequest(_message.Message):
    __slots__ = ("password", "new_password")
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    NEW_PASSWORD_FIELD_NUMBER: _ClassVar[int]
    password: str
    new_password: str
    def __init__(self, password: _Optional[str] = ..., new_password: _Optional[str] = ...) -> None: ...

class EmailRequest(_message.Message):
    __slots__ = ("password", "new_email")
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    NEW_EMAIL_FIELD_NUMBER: _ClassVar[int]
    password: str
    new_email: str
    def __init__(self, password: _Optional[str] = ..., new_email: _Optional[str] = ...) -> None: ...

class CloseRequest(_message.Message):
    __slots__ = ("password",)
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    password: str
    def __init__(self, password: _Optional[str] = ...) -> None: ...

class CloseAnswer(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AccountRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AccountAnswer(_message.Message):
    __slots__ = ("user_id", "first_name", "middle_name", "last_name", "email", "phone", "balance_minor", "created_at", "updated_at", "currency", "held_minor", "debt_minor")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    FIRST_NAME_FIELD_NUMBER: _ClassVar[int]
    MIDDLE_NAME_FIELD_NUMBER: _ClassVar[int]
    LAST_NAME_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    PHONE_FIELD_NUMBER: _ClassVar[int]
    BALANCE_MINOR_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    HELD_MINOR_FIELD_NUMBER: _ClassVar[int]
    DEBT_MINOR_FIELD_NUMBER: _ClassVar[int]
    user_id: bytes
    first_name: str
    middle_name: str
    last_name: str
    email: str
    phone: str
    balance_minor: int
    created_at: str
    updated_at: str
    currency: str
    held_minor: int
    debt_minor: int
    def __init__(self, user_id: _Optional[bytes] = ..., first_name: _Optional[str] = ..., middle_name: _Optional[str] = ..., last_name: _Optional[str] = ..., email: _Optional[str] = ..., phone: _Optional[str] = ..., balance_minor: _Optional[int] = ..., created_at: _Optional[str] = ..., updated_at: _Optional[str] = ..., currency: _Optional[str] = ..., held_minor: _Optional[int] = ..., debt_minor: _Optional[int] = ...) -> None: ...

class PayRequest(_message.Message):
    __slots__ = ("receiver_email", "amount_minor", "reference", "metadata")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    RECEIVER_EMAIL_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    receiver_email: str
    amount_minor: int
    reference: str
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, receiver_email: _Optional[str] = ..., amount_minor: _Optional[int] = ..., reference: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

class TopupRequest(_message.Message):
    __slots__ = ("amount_minor", "reference", "metadata")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    amount_minor: int
    reference: str
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, amount_minor: _Optional[int] = ..., reference: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

class TransactionAnswer(_message.Message):
    __slots__ = ("transaction_id", "transaction_status", "settles_at")
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_STATUS_FIELD_NUMBER: _ClassVar[int]
    SETTLES_AT_FIELD_NUMBER: _ClassVar[int]
    transaction_id: bytes
    transaction_status: str
    settles_at: str
    def __init__(self, transaction_id: _Optional[bytes] = ..., transaction_status: _Optional[str] = ..., settles_at: _Optional[str] = ...) -> None: ...

class HistoryRequest(_message.Message):
    __slots__ = ("limit", "cursor", "idempotency_key", "reference", "kind", "counterparty_email", "created_after", "created_before")
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    COUNTERPARTY_EMAIL_FIELD_NUMBER: _ClassVar[int]
    CREATED_AFTER_FIELD_NUMBER: _ClassVar[int]
    CREATED_BEFORE_FIELD_NUMBER: _ClassVar[int]
    limit: int
    cursor: str
    idempotency_key: str
    reference: str
    kind: str
    counterparty_email: str
    created_after: str
    created_before: str
    def __init__(self, limit: _Optional[int] = ..., cursor: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., reference: _Optional[str] = ..., kind: _Optional[str] = ..., counterparty_email: _Optional[str] = ..., created_after: _Optional[str] = ..., created_before: _Optional[str] = ...) -> None: ...

class Transaction(_message.Message):
    __slots__ = ("transaction_id", "kind", "sender_email", "receiver_email", "amount_minor", "created_at", "reference", "metadata", "refunded_minor", "status", "settles_at")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SENDER_EMAIL_FIELD_NUMBER: _ClassVar[int]
    RECEIVER_EMAIL_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    REFUNDED_MINOR_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SETTLES_AT_FIELD_NUMBER: _ClassVar[int]
    transaction_id: bytes
    kind: str
    sender_email: str
    receiver_email: str
    amount_minor: int
    created_at: str
    reference: str
    metadata: _containers.ScalarMap[str, str]
    refunded_minor: int
    status: str
    settles_at: str
    def __init__(self, transaction_id: _Optional[bytes] = ..., kind: _Optional[str] = ..., sender_email: _Optional[str] = ..., receiver_email: _Optional[str] = ..., amount_minor: _Optional[int] = ..., created_at: _Optional[str] = ..., reference: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ..., refunded_minor: _Optional[int] = ..., status: _Optional[str] = ..., settles_at: _Optional[str] = ...) -> None: ...

class HistoryAnswer(_message.Message):
    __slots__ = ("transactions", "next_cursor")
    TRANSACTIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    transactions: _containers.RepeatedCompositeFieldContainer[Transaction]
    next_cursor: str
    def __init__(self, transactions: _Optional[_Iterable[_Union[Transaction, _Mapping]]] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class LogoutRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class LogoutAnswer(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReadyRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReadyAnswer(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ClockRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AdvanceClockRequest(_message.Message):
    __slots__ = ("seconds", "to")
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    seconds: int
    to: str
    def __init__(self, seconds: _Optional[int] = ..., to: _Optional[str] = ...) -> None: ...

class FreezeClockRequest(_message.Message):
    __slots__ = ("at",)
    AT_FIELD_NUMBER: _ClassVar[int]
    at: str
    def __init__(self, at: _Optional[str] = ...) -> None: ...

class ResetClockRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ClockAnswer(_message.Message):
    __slots__ = ("mode", "now", "real_now", "due")
    MODE_FIELD_NUMBER: _ClassVar[int]
    NOW_FIELD_NUMBER: _ClassVar[int]
    REAL_NOW_FIELD_NUMBER: _ClassVar[int]
    DUE_FIELD_NUMBER: _ClassVar[int]
    mode: str
    now: str
    real_now: str
    due: _containers.RepeatedCompositeFieldContainer[Due]
    def __init__(self, mode: _Optional[str] = ..., now: _Optional[str] = ..., real_now: _Optional[str] = ..., due: _Optional[_Iterable[_Union[Due, _Mapping]]] = ...) -> None: ...

class Due(_message.Message):
    __slots__ = ("what", "count")
    WHAT_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    what: str
    count: int
    def __init__(self, what: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...

class ResetRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ResetAnswer(_message.Message):
    __slots__ = ("epoch",)
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    def __init__(self, epoch: _Optional[int] = ...) -> None: ...

class MakeSnapshotRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class SnapshotAnswer(_message.Message):
    __slots__ = ("name", "created_at", "users", "transactions")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    USERS_FIELD_NUMBER: _ClassVar[int]
    TRANSACTIONS_FIELD_NUMBER: _ClassVar[int]
    name: str
    created_at: str
    users: int
    transactions: int
    def __init__(self, name: _Optional[str] = ..., created_at: _Optional[str] = ..., users: _Optional[int] = ..., transactions: _Optional[int] = ...) -> None: ...

class Snapshot(_message.Message):
    __slots__ = ("name", "created_at", "users", "transactions")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    USERS_FIELD_NUMBER: _ClassVar[int]
    TRANSACTIONS_FIELD_NUMBER: _ClassVar[int]
    name: str
    created_at: str
    users: int
    transactions: int
    def __init__(self, name: _Optional[str] = ..., created_at: _Optional[str] = ..., users: _Optional[int] = ..., transactions: _Optional[int] = ...) -> None: ...

class ListSnapshotsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SnapshotsAnswer(_message.Message):
    __slots__ = ("snapshots",)
    SNAPSHOTS_FIELD_NUMBER: _ClassVar[int]
    snapshots: _containers.RepeatedCompositeFieldContainer[Snapshot]
    def __init__(self, snapshots: _Optional[_Iterable[_Union[Snapshot, _Mapping]]] = ...) -> None: ...

class RestoreSnapshotRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class DropSnapshotRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class DropSnapshotAnswer(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Match(_message.Message):
    __slots__ = ("endpoint", "user_email", "receiver_email", "amount_minor", "idempotency_key", "event_type", "endpoint_id", "object_id")
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    USER_EMAIL_FIELD_NUMBER: _ClassVar[int]
    RECEIVER_EMAIL_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    EVENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    OBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    endpoint: _containers.RepeatedScalarFieldContainer[Command]
    user_email: str
    receiver_email: str
    amount_minor: int
    idempotency_key: str
    event_type: str
    endpoint_id: str
    object_id: str
    def __init__(self, endpoint: _Optional[_Iterable[_Union[Command, str]]] = ..., user_email: _Optional[str] = ..., receiver_email: _Optional[str] = ..., amount_minor: _Optional[int] = ..., idempotency_key: _Optional[str] = ..., event_type: _Optional[str] = ..., endpoint_id: _Optional[str] = ..., object_id: _Optional[str] = ...) -> None: ...

class AddFaultRequest(_message.Message):
    __slots__ = ("fault", "params", "match", "skip", "times", "probability", "ttl_seconds")
    FAULT_FIELD_NUMBER: _ClassVar[int]
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    MATCH_FIELD_NUMBER: _ClassVar[int]
    SKIP_FIELD_NUMBER: _ClassVar[int]
    TIMES_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    TTL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    fault: str
    params: str
    match: Match
    skip: int
    times: int
    probability: float
    ttl_seconds: int
    def __init__(self, fault: _Optional[str] = ..., params: _Optional[str] = ..., match: _Optional[_Union[Match, _Mapping]] = ..., skip: _Optional[int] = ..., times: _Optional[int] = ..., probability: _Optional[float] = ..., ttl_seconds: _Optional[int] = ...) -> None: ...

class FaultRule(_message.Message):
    __slots__ = ("fault_id", "fault", "params", "match", "skip", "times", "probability", "expires_in_seconds", "matched", "fired", "remaining")
    FAULT_ID_FIELD_NUMBER: _ClassVar[int]
    FAULT_FIELD_NUMBER: _ClassVar[int]
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    MATCH_FIELD_NUMBER: _ClassVar[int]
    SKIP_FIELD_NUMBER: _ClassVar[int]
    TIMES_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_IN_SECONDS_FIELD_NUMBER: _ClassVar[int]
    MATCHED_FIELD_NUMBER: _ClassVar[int]
    FIRED_FIELD_NUMBER: _ClassVar[int]
    REMAINING_FIELD_NUMBER: _ClassVar[int]
    fault_id: bytes
    fault: str
    params: str
    match: Match
    skip: int
    times: int
    probability: float
    expires_in_seconds: int
    matched: int
    fired: int
    remaining: int
    def __init__(self, fault_id: _Optional[bytes] = ..., fault: _Optional[str] = ..., params: _Optional[str] = ..., match: _Optional[_Union[Match, _Mapping]] = ..., skip: _Optional[int] = ..., times: _Optional[int] = ..., probability: _Optional[float] = ..., expires_in_seconds: _Optional[int] = ..., matched: _Optional[int] = ..., fired: _Optional[int] = ..., remaining: _Optional[int] = ...) -> None: ...

class ListFaultsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListFaultsAnswer(_message.Message):
    __slots__ = ("faults",)
    FAULTS_FIELD_NUMBER: _ClassVar[int]
    faults: _containers.RepeatedCompositeFieldContainer[FaultRule]
    def __init__(self, faults: _Optional[_Iterable[_Union[FaultRule, _Mapping]]] = ...) -> None: ...

class ClearFaultsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ClearFaultsAnswer(_message.Message):
    __slots__ = ("removed",)
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    removed: int
    def __init__(self, removed: _Optional[int] = ...) -> None: ...

class RemoveFaultRequest(_message.Message):
    __slots__ = ("fault_id",)
    FAULT_ID_FIELD_NUMBER: _ClassVar[int]
    fault_id: bytes
    def __init__(self, fault_id: _Optional[bytes] = ...) -> None: ...

class RemoveFaultAnswer(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ExplainRequest(_message.Message):
    __slots__ = ("request_id",)
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    def __init__(self, request_id: _Optional[str] = ...) -> None: ...

class Reason(_message.Message):
    __slots__ = ("fault_id", "fault", "fired", "reason", "field")
    FAULT_ID_FIELD_NUMBER: _ClassVar[int]
    FAULT_FIELD_NUMBER: _ClassVar[int]
    FIRED_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    fault_id: bytes
    fault: str
    fired: bool
    reason: str
    field: str
    def __init__(self, fault_id: _Optional[bytes] = ..., fault: _Optional[str] = ..., fired: _Optional[bool] = ..., reason: _Optional[str] = ..., field: _Optional[str] = ...) -> None: ...

class ExplainAnswer(_message.Message):
    __slots__ = ("request_id", "fault_applied", "rules")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    FAULT_APPLIED_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    fault_applied: str
    rules: _containers.RepeatedCompositeFieldContainer[Reason]
    def __init__(self, request_id: _Optional[str] = ..., fault_applied: _Optional[str] = ..., rules: _Optional[_Iterable[_Union[Reason, _Mapping]]] = ...) -> None: ...

class EventsRequest(_message.Message):
    __slots__ = ("event_id", "limit", "cursor", "type", "object_id")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    OBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    event_id: bytes
    limit: int
    cursor: str
    type: str
    object_id: str
    def __init__(self, event_id: _Optional[bytes] = ..., limit: _Optional[int] = ..., cursor: _Optional[str] = ..., type: _Optional[str] = ..., object_id: _Optional[str] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("event_id", "type", "timestamp", "data")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    event_id: bytes
    type: str
    timestamp: str
    data: str
    def __init__(self, event_id: _Optional[bytes] = ..., type: _Optional[str] = ..., timestamp: _Optional[str] = ..., data: _Optional[str] = ...) -> None: ...

class EventsAnswer(_message.Message):
    __slots__ = ("event", "events", "next_cursor")
    EVENT_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    event: Event
    events: _containers.RepeatedCompositeFieldContainer[Event]
    next_cursor: str
    def __init__(self, event: _Optional[_Union[Event, _Mapping]] = ..., events: _Optional[_Iterable[_Union[Event, _Mapping]]] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class WebhookEndpoint(_message.Message):
    __slots__ = ("endpoint_id", "url", "event_types", "enabled", "disabled_reason", "failing_since", "created_at", "updated_at")
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    EVENT_TYPES_FIELD_NUMBER: _ClassVar[int]
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    DISABLED_REASON_FIELD_NUMBER: _ClassVar[int]
    FAILING_SINCE_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    endpoint_id: bytes
    url: str
    event_types: _containers.RepeatedScalarFieldContainer[str]
    enabled: bool
    disabled_reason: str
    failing_since: str
    created_at: str
    updated_at: str
    def __init__(self, endpoint_id: _Optional[bytes] = ..., url: _Optional[str] = ..., event_types: _Optional[_Iterable[str]] = ..., enabled: _Optional[bool] = ..., disabled_reason: _Optional[str] = ..., failing_since: _Optional[str] = ..., created_at: _Optional[str] = ..., updated_at: _Optional[str] = ...) -> None: ...

class WebhookEndpointCreateRequest(_message.Message):
    __slots__ = ("url", "event_types", "secret")
    URL_FIELD_NUMBER: _ClassVar[int]
    EVENT_TYPES_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    url: str
    event_types: _containers.RepeatedScalarFieldContainer[str]
    secret: str
    def __init__(self, url: _Optional[str] = ..., event_types: _Optional[_Iterable[str]] = ..., secret: _Optional[str] = ...) -> None: ...

class WebhookEndpointsRequest(_message.Message):
    __slots__ = ("endpoint_id",)
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    endpoint_id: bytes
    def __init__(self, endpoint_id: _Optional[bytes] = ...) -> None: ...

class WebhookEndpointsAnswer(_message.Message):
    __slots__ = ("webhook_endpoint", "webhook_endpoints")
    WEBHOOK_ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    WEBHOOK_ENDPOINTS_FIELD_NUMBER: _ClassVar[int]
    webhook_endpoint: WebhookEndpoint
    webhook_endpoints: _containers.RepeatedCompositeFieldContainer[WebhookEndpoint]
    def __init__(self, webhook_endpoint: _Optional[_Union[WebhookEndpoint, _Mapping]] = ..., webhook_endpoints: _Optional[_Iterable[_Union[WebhookEndpoint, _Mapping]]] = ...) -> None: ...

class WebhookEndpointChangeRequest(_message.Message):
    __slots__ = ("endpoint_id", "url", "event_types", "enabled", "overlap_seconds", "secret")
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    EVENT_TYPES_FIELD_NUMBER: _ClassVar[int]
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    OVERLAP_SECONDS_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    endpoint_id: bytes
    url: str
    event_types: _containers.RepeatedScalarFieldContainer[str]
    enabled: bool
    overlap_seconds: int
    secret: str
    def __init__(self, endpoint_id: _Optional[bytes] = ..., url: _Optional[str] = ..., event_types: _Optional[_Iterable[str]] = ..., enabled: _Optional[bool] = ..., overlap_seconds: _Optional[int] = ..., secret: _Optional[str] = ...) -> None: ...

class WebhookEndpointAnswer(_message.Message):
    __slots__ = ("webhook_endpoint", "endpoint_id", "secret")
    WEBHOOK_ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    webhook_endpoint: WebhookEndpoint
    endpoint_id: bytes
    secret: str
    def __init__(self, webhook_endpoint: _Optional[_Union[WebhookEndpoint, _Mapping]] = ..., endpoint_id: _Optional[bytes] = ..., secret: _Optional[str] = ...) -> None: ...

class WebhookEndpointRemoveRequest(_message.Message):
    __slots__ = ("endpoint_id",)
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    endpoint_id: bytes
    def __init__(self, endpoint_id: _Optional[bytes] = ...) -> None: ...

class WebhookEndpointRemoveAnswer(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DeliveriesRequest(_message.Message):
    __slots__ = ("endpoint_id", "event_id", "limit", "cursor", "state")
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    endpoint_id: bytes
    event_id: bytes
    limit: int
    cursor: str
    state: str
    def __init__(self, endpoint_id: _Optional[bytes] = ..., event_id: _Optional[bytes] = ..., limit: _Optional[int] = ..., cursor: _Optional[str] = ..., state: _Optional[str] = ...) -> None: ...

class Attempt(_message.Message):
    __slots__ = ("attempt", "outcome", "http_status", "answer", "detail", "fault", "took_ms", "created_at")
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    HTTP_STATUS_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    FAULT_FIELD_NUMBER: _ClassVar[int]
    TOOK_MS_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    outcome: str
    http_status: int
    answer: str
    detail: str
    fault: str
    took_ms: int
    created_at: str
    def __init__(self, attempt: _Optional[int] = ..., outcome: _Optional[str] = ..., http_status: _Optional[int] = ..., answer: _Optional[str] = ..., detail: _Optional[str] = ..., fault: _Optional[str] = ..., took_ms: _Optional[int] = ..., created_at: _Optional[str] = ...) -> None: ...

class DeliveryState(_message.Message):
    __slots__ = ("event", "state", "attempt_count", "due_at", "under_way", "updated_at", "attempts")
    EVENT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_COUNT_FIELD_NUMBER: _ClassVar[int]
    DUE_AT_FIELD_NUMBER: _ClassVar[int]
    UNDER_WAY_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    event: Event
    state: str
    attempt_count: int
    due_at: str
    under_way: bool
    updated_at: str
    attempts: _containers.RepeatedCompositeFieldContainer[Attempt]
    def __init__(self, event: _Optional[_Union[Event, _Mapping]] = ..., state: _Optional[str] = ..., attempt_count: _Optional[int] = ..., due_at: _Optional[str] = ..., under_way: _Optional[bool] = ..., updated_at: _Optional[str] = ..., attempts: _Optional[_Iterable[_Union[Attempt, _Mapping]]] = ...) -> None: ...

class DeliveriesAnswer(_message.Message):
    __slots__ = ("delivery", "deliveries", "next_cursor")
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    DELIVERIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    delivery: DeliveryState
    deliveries: _containers.RepeatedCompositeFieldContainer[DeliveryState]
    next_cursor: str
    def __init__(self, delivery: _Optional[_Union[DeliveryState, _Mapping]] = ..., deliveries: _Optional[_Iterable[_Union[DeliveryState, _Mapping]]] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class DeliverAgainRequest(_message.Message):
    __slots__ = ("endpoint_id", "event_id", "since")
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    endpoint_id: bytes
    event_id: bytes
    since: str
    def __init__(self, endpoint_id: _Optional[bytes] = ..., event_id: _Optional[bytes] = ..., since: _Optional[str] = ...) -> None: ...

class DeliverAgainAnswer(_message.Message):
    __slots__ = ("delivery_count",)
    DELIVERY_COUNT_FIELD_NUMBER: _ClassVar[int]
    delivery_count: int
    def __init__(self, delivery_count: _Optional[int] = ...) -> None: ...

class ClaimRequest(_message.Message):
    __slots__ = ("deliverer_id", "limit", "wait_ms", "under_way", "spare")
    DELIVERER_ID_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    WAIT_MS_FIELD_NUMBER: _ClassVar[int]
    UNDER_WAY_FIELD_NUMBER: _ClassVar[int]
    SPARE_FIELD_NUMBER: _ClassVar[int]
    deliverer_id: bytes
    limit: int
    wait_ms: int
    under_way: int
    spare: int
    def __init__(self, deliverer_id: _Optional[bytes] = ..., limit: _Optional[int] = ..., wait_ms: _Optional[int] = ..., under_way: _Optional[int] = ..., spare: _Optional[int] = ...) -> None: ...

class ClaimAnswer(_message.Message):
    __slots__ = ("deliveries",)
    DELIVERIES_FIELD_NUMBER: _ClassVar[int]
    deliveries: _containers.RepeatedCompositeFieldContainer[DueDelivery]
    def __init__(self, deliveries: _Optional[_Iterable[_Union[DueDelivery, _Mapping]]] = ...) -> None: ...

class DueDelivery(_message.Message):
    __slots__ = ("endpoint_id", "url", "keys", "event", "fault")
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    FAULT_FIELD_NUMBER: _ClassVar[int]
    endpoint_id: bytes
    url: str
    keys: _containers.RepeatedScalarFieldContainer[bytes]
    event: Event
    fault: str
    def __init__(self, endpoint_id: _Optional[bytes] = ..., url: _Optional[str] = ..., keys: _Optional[_Iterable[bytes]] = ..., event: _Optional[_Union[Event, _Mapping]] = ..., fault: _Optional[str] = ...) -> None: ...

class ReportRequest(_message.Message):
    __slots__ = ("deliverer_id", "endpoint_id", "event_id", "outcome", "http_status", "answer", "retry_after_s", "detail", "took_ms", "fault")
    DELIVERER_ID_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    HTTP_STATUS_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_S_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    TOOK_MS_FIELD_NUMBER: _ClassVar[int]
    FAULT_FIELD_NUMBER: _ClassVar[int]
    deliverer_id: bytes
    endpoint_id: bytes
    event_id: bytes
    outcome: str
    http_status: int
    answer: bytes
    retry_after_s: float
    detail: str
    took_ms: int
    fault: str
    def __init__(self, deliverer_id: _Optional[bytes] = ..., endpoint_id: _Optional[bytes] = ..., event_id: _Optional[bytes] = ..., outcome: _Optional[str] = ..., http_status: _Optional[int] = ..., answer: _Optional[bytes] = ..., retry_after_s: _Optional[float] = ..., detail: _Optional[str] = ..., took_ms: _Optional[int] = ..., fault: _Optional[str] = ...) -> None: ...

class ReportAnswer(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ConcludeRequest(_message.Message):
    __slots__ = ("transaction_id",)
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    transaction_id: bytes
    def __init__(self, transaction_id: _Optional[bytes] = ...) -> None: ...

class IdempotencyRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ChangeIdempotencyRequest(_message.Message):
    __slots__ = ("preset", "concurrent", "refusals", "other_body", "lifetime_seconds")
    PRESET_FIELD_NUMBER: _ClassVar[int]
    CONCURRENT_FIELD_NUMBER: _ClassVar[int]
    REFUSALS_FIELD_NUMBER: _ClassVar[int]
    OTHER_BODY_FIELD_NUMBER: _ClassVar[int]
    LIFETIME_SECONDS_FIELD_NUMBER: _ClassVar[int]
    preset: str
    concurrent: str
    refusals: str
    other_body: str
    lifetime_seconds: int
    def __init__(self, preset: _Optional[str] = ..., concurrent: _Optional[str] = ..., refusals: _Optional[str] = ..., other_body: _Optional[str] = ..., lifetime_seconds: _Optional[int] = ...) -> None: ...

class IdempotencyAnswer(_message.Message):
    __slots__ = ("preset", "concurrent", "refusals", "other_body", "lifetime_seconds")
    PRESET_FIELD_NUMBER: _ClassVar[int]
    CONCURRENT_FIELD_NUMBER: _ClassVar[int]
    REFUSALS_FIELD_NUMBER: _ClassVar[int]
    OTHER_BODY_FIELD_NUMBER: _ClassVar[int]
    LIFETIME_SECONDS_FIELD_NUMBER: _ClassVar[int]
    preset: str
    concurrent: str
    refusals: str
    other_body: str
    lifetime_seconds: int
    def __init__(self, preset: _Optional[str] = ..., concurrent: _Optional[str] = ..., refusals: _Optional[str] = ..., other_body: _Optional[str] = ..., lifetime_seconds: _Optional[int] = ...) -> None: ...

class TransactionRequest(_message.Message):
    __slots__ = ("transaction_id",)
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    transaction_id: bytes
    def __init__(self, transaction_id: _Optional[bytes] = ...) -> None: ...

class RefundRequest(_message.Message):
    __slots__ = ("transaction_id", "amount_minor")
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    transaction_id: bytes
    amount_minor: int
    def __init__(self, transaction_id: _Optional[bytes] = ..., amount_minor: _Optional[int] = ...) -> None: ...

class HoldRequest(_message.Message):
    __slots__ = ("receiver_email", "amount_minor", "expires_in_seconds")
    RECEIVER_EMAIL_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_IN_SECONDS_FIELD_NUMBER: _ClassVar[int]
    receiver_email: str
    amount_minor: int
    expires_in_seconds: int
    def __init__(self, receiver_email: _Optional[str] = ..., amount_minor: _Optional[int] = ..., expires_in_seconds: _Optional[int] = ...) -> None: ...

class HoldAnswer(_message.Message):
    __slots__ = ("hold_id",)
    HOLD_ID_FIELD_NUMBER: _ClassVar[int]
    hold_id: bytes
    def __init__(self, hold_id: _Optional[bytes] = ...) -> None: ...

class HoldsRequest(_message.Message):
    __slots__ = ("status", "limit", "cursor")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    status: str
    limit: int
    cursor: str
    def __init__(self, status: _Optional[str] = ..., limit: _Optional[int] = ..., cursor: _Optional[str] = ...) -> None: ...

class Hold(_message.Message):
    __slots__ = ("hold_id", "status", "payer_email", "receiver_email", "amount_minor", "captured_minor", "expires_at", "created_at")
    HOLD_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PAYER_EMAIL_FIELD_NUMBER: _ClassVar[int]
    RECEIVER_EMAIL_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    CAPTURED_MINOR_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    hold_id: bytes
    status: str
    payer_email: str
    receiver_email: str
    amount_minor: int
    captured_minor: int
    expires_at: str
    created_at: str
    def __init__(self, hold_id: _Optional[bytes] = ..., status: _Optional[str] = ..., payer_email: _Optional[str] = ..., receiver_email: _Optional[str] = ..., amount_minor: _Optional[int] = ..., captured_minor: _Optional[int] = ..., expires_at: _Optional[str] = ..., created_at: _Optional[str] = ...) -> None: ...

class HoldsAnswer(_message.Message):
    __slots__ = ("holds", "next_cursor")
    HOLDS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    holds: _containers.RepeatedCompositeFieldContainer[Hold]
    next_cursor: str
    def __init__(self, holds: _Optional[_Iterable[_Union[Hold, _Mapping]]] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class OneHoldRequest(_message.Message):
    __slots__ = ("hold_id",)
    HOLD_ID_FIELD_NUMBER: _ClassVar[int]
    hold_id: bytes
    def __init__(self, hold_id: _Optional[bytes] = ...) -> None: ...

class CaptureRequest(_message.Message):
    __slots__ = ("hold_id", "amount_minor")
    HOLD_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    hold_id: bytes
    amount_minor: int
    def __init__(self, hold_id: _Optional[bytes] = ..., amount_minor: _Optional[int] = ...) -> None: ...

class RequestsRequest(_message.Message):
    __slots__ = ("user_email", "endpoint", "code", "fault", "since", "limit", "after")
    USER_EMAIL_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    FAULT_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    user_email: str
    endpoint: _containers.RepeatedScalarFieldContainer[Command]
    code: str
    fault: str
    since: str
    limit: int
    after: int
    def __init__(self, user_email: _Optional[str] = ..., endpoint: _Optional[_Iterable[_Union[Command, str]]] = ..., code: _Optional[str] = ..., fault: _Optional[str] = ..., since: _Optional[str] = ..., limit: _Optional[int] = ..., after: _Optional[int] = ...) -> None: ...

class LoggedRequest(_message.Message):
    __slots__ = ("number", "request_id", "endpoint", "method", "path", "user_email", "idempotency_key", "intent", "tries_before", "body", "answer", "code", "message", "replayed", "fault_applied", "transaction_id", "received_at", "executed_at", "answered_at")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    USER_EMAIL_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    INTENT_FIELD_NUMBER: _ClassVar[int]
    TRIES_BEFORE_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    FAULT_APPLIED_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_AT_FIELD_NUMBER: _ClassVar[int]
    EXECUTED_AT_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_AT_FIELD_NUMBER: _ClassVar[int]
    number: int
    request_id: str
    endpoint: _containers.RepeatedScalarFieldContainer[Command]
    method: str
    path: str
    user_email: str
    idempotency_key: str
    intent: str
    tries_before: int
    body: str
    answer: str
    code: str
    message: str
    replayed: bool
    fault_applied: str
    transaction_id: str
    received_at: str
    executed_at: str
    answered_at: str
    def __init__(self, number: _Optional[int] = ..., request_id: _Optional[str] = ..., endpoint: _Optional[_Iterable[_Union[Command, str]]] = ..., method: _Optional[str] = ..., path: _Optional[str] = ..., user_email: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., intent: _Optional[str] = ..., tries_before: _Optional[int] = ..., body: _Optional[str] = ..., answer: _Optional[str] = ..., code: _Optional[str] = ..., message: _Optional[str] = ..., replayed: _Optional[bool] = ..., fault_applied: _Optional[str] = ..., transaction_id: _Optional[str] = ..., received_at: _Optional[str] = ..., executed_at: _Optional[str] = ..., answered_at: _Optional[str] = ...) -> None: ...

class RequestsAnswer(_message.Message):
    __slots__ = ("requests", "seen", "kept")
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    SEEN_FIELD_NUMBER: _ClassVar[int]
    KEPT_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[LoggedRequest]
    seen: int
    kept: int
    def __init__(self, requests: _Optional[_Iterable[_Union[LoggedRequest, _Mapping]]] = ..., seen: _Optional[int] = ..., kept: _Optional[int] = ...) -> None: ...

class FollowRequestsRequest(_message.Message):
    __slots__ = ("user_email", "endpoint", "code", "fault", "since", "cursor")
    USER_EMAIL_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    FAULT_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    user_email: str
    endpoint: _containers.RepeatedScalarFieldContainer[Command]
    code: str
    fault: str
    since: str
    cursor: str
    def __init__(self, user_email: _Optional[str] = ..., endpoint: _Optional[_Iterable[_Union[Command, str]]] = ..., code: _Optional[str] = ..., fault: _Optional[str] = ..., since: _Optional[str] = ..., cursor: _Optional[str] = ...) -> None: ...

class FollowRequestsAnswer(_message.Message):
    __slots__ = ("requests", "cursor", "missed", "restarted")
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    MISSED_FIELD_NUMBER: _ClassVar[int]
    RESTARTED_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[LoggedRequest]
    cursor: str
    missed: int
    restarted: bool
    def __init__(self, requests: _Optional[_Iterable[_Union[LoggedRequest, _Mapping]]] = ..., cursor: _Optional[str] = ..., missed: _Optional[int] = ..., restarted: _Optional[bool] = ...) -> None: ...

class NoteRequest(_message.Message):
    __slots__ = ("request_id", "method", "path", "code", "message")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    method: str
    path: str
    code: Code
    message: str
    def __init__(self, request_id: _Optional[str] = ..., method: _Optional[str] = ..., path: _Optional[str] = ..., code: _Optional[_Union[Code, str]] = ..., message: _Optional[str] = ...) -> None: ...

class NoteAnswer(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AuditRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Finding(_message.Message):
    __slots__ = ("code", "severity", "confidence", "message", "hint", "requests", "transactions", "deliveries", "holds")
    CODE_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    HINT_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    TRANSACTIONS_FIELD_NUMBER: _ClassVar[int]
    DELIVERIES_FIELD_NUMBER: _ClassVar[int]
    HOLDS_FIELD_NUMBER: _ClassVar[int]
    code: str
    severity: str
    confidence: str
    message: str
    hint: str
    requests: _containers.RepeatedScalarFieldContainer[str]
    transactions: _containers.RepeatedScalarFieldContainer[bytes]
    deliveries: _containers.RepeatedScalarFieldContainer[bytes]
    holds: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, code: _Optional[str] = ..., severity: _Optional[str] = ..., confidence: _Optional[str] = ..., message: _Optional[str] = ..., hint: _Optional[str] = ..., requests: _Optional[_Iterable[str]] = ..., transactions: _Optional[_Iterable[bytes]] = ..., deliveries: _Optional[_Iterable[bytes]] = ..., holds: _Optional[_Iterable[bytes]] = ...) -> None: ...

class AuditAnswer(_message.Message):
    __slots__ = ("clean", "findings", "requests_seen", "requests_kept", "findings_left_out")
    CLEAN_FIELD_NUMBER: _ClassVar[int]
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_SEEN_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_KEPT_FIELD_NUMBER: _ClassVar[int]
    FINDINGS_LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    clean: bool
    findings: _containers.RepeatedCompositeFieldContainer[Finding]
    requests_seen: int
    requests_kept: int
    findings_left_out: int
    def __init__(self, clean: _Optional[bool] = ..., findings: _Optional[_Iterable[_Union[Finding, _Mapping]]] = ..., requests_seen: _Optional[int] = ..., requests_kept: _Optional[int] = ..., findings_left_out: _Optional[int] = ...) -> None: ...

class FixtureUser(_message.Message):
    __slots__ = ("email", "password", "first_name", "middle_name", "last_name", "phone", "balance_minor")
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    FIRST_NAME_FIELD_NUMBER: _ClassVar[int]
    MIDDLE_NAME_FIELD_NUMBER: _ClassVar[int]
    LAST_NAME_FIELD_NUMBER: _ClassVar[int]
    PHONE_FIELD_NUMBER: _ClassVar[int]
    BALANCE_MINOR_FIELD_NUMBER: _ClassVar[int]
    email: str
    password: str
    first_name: str
    middle_name: str
    last_name: str
    phone: str
    balance_minor: int
    def __init__(self, email: _Optional[str] = ..., password: _Optional[str] = ..., first_name: _Optional[str] = ..., middle_name: _Optional[str] = ..., last_name: _Optional[str] = ..., phone: _Optional[str] = ..., balance_minor: _Optional[int] = ...) -> None: ...

class FixturePayment(_message.Message):
    __slots__ = ("sender_email", "receiver_email", "amount_minor")
    SENDER_EMAIL_FIELD_NUMBER: _ClassVar[int]
    RECEIVER_EMAIL_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    sender_email: str
    receiver_email: str
    amount_minor: int
    def __init__(self, sender_email: _Optional[str] = ..., receiver_email: _Optional[str] = ..., amount_minor: _Optional[int] = ...) -> None: ...

class FixturesRequest(_message.Message):
    __slots__ = ("users", "payments")
    USERS_FIELD_NUMBER: _ClassVar[int]
    PAYMENTS_FIELD_NUMBER: _ClassVar[int]
    users: _containers.RepeatedCompositeFieldContainer[FixtureUser]
    payments: _containers.RepeatedCompositeFieldContainer[FixturePayment]
    def __init__(self, users: _Optional[_Iterable[_Union[FixtureUser, _Mapping]]] = ..., payments: _Optional[_Iterable[_Union[FixturePayment, _Mapping]]] = ...) -> None: ...

class FixtureUserMade(_message.Message):
    __slots__ = ("email", "user_id")
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    email: str
    user_id: bytes
    def __init__(self, email: _Optional[str] = ..., user_id: _Optional[bytes] = ...) -> None: ...

class FixturesAnswer(_message.Message):
    __slots__ = ("users", "payments")
    USERS_FIELD_NUMBER: _ClassVar[int]
    PAYMENTS_FIELD_NUMBER: _ClassVar[int]
    users: _containers.RepeatedCompositeFieldContainer[FixtureUserMade]
    payments: int
    def __init__(self, users: _Optional[_Iterable[_Union[FixtureUserMade, _Mapping]]] = ..., payments: _Optional[int] = ...) -> None: ...
