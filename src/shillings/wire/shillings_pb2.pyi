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
LGN: Command
SGN: Command
USR: Command
PAY: Command
TPU: Command
TXQ: Command
LGO: Command
RDY: Command
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

class Request(_message.Message):
    __slots__ = ("id", "command", "token", "timeout_ms", "idempotency_key", "trace", "data", "request_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    TRACE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    id: int
    command: Command
    token: str
    timeout_ms: int
    idempotency_key: str
    trace: str
    data: bytes
    request_id: str
    def __init__(self, id: _Optional[int] = ..., command: _Optional[_Union[Command, str]] = ..., token: _Optional[str] = ..., timeout_ms: _Optional[int] = ..., idempotency_key: _Optional[str] = ..., trace: _Optional[str] = ..., data: _Optional[bytes] = ..., request_id: _Optional[str] = ...) -> None: ...

class Response(_message.Message):
    __slots__ = ("id", "code", "message", "data", "replayed")
    ID_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    id: int
    code: Code
    message: str
    data: bytes
    replayed: bool
    def __init__(self, id: _Optional[int] = ..., code: _Optional[_Union[Code, str]] = ..., message: _Optional[str] = ..., data: _Optional[bytes] = ..., replayed: _Optional[bool] = ...) -> None: ...

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

class AccountRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AccountAnswer(_message.Message):
    __slots__ = ("user_id", "first_name", "middle_name", "last_name", "email", "phone", "balance", "created_at", "updated_at")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    FIRST_NAME_FIELD_NUMBER: _ClassVar[int]
    MIDDLE_NAME_FIELD_NUMBER: _ClassVar[int]
    LAST_NAME_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    PHONE_FIELD_NUMBER: _ClassVar[int]
    BALANCE_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    user_id: bytes
    first_name: str
    middle_name: str
    last_name: str
    email: str
    phone: str
    balance: int
    created_at: str
    updated_at: str
    def __init__(self, user_id: _Optional[bytes] = ..., first_name: _Optional[str] = ..., middle_name: _Optional[str] = ..., last_name: _Optional[str] = ..., email: _Optional[str] = ..., phone: _Optional[str] = ..., balance: _Optional[int] = ..., created_at: _Optional[str] = ..., updated_at: _Optional[str] = ...) -> None: ...

class PayRequest(_message.Message):
    __slots__ = ("receiver_email", "amount")
    RECEIVER_EMAIL_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    receiver_email: str
    amount: int
    def __init__(self, receiver_email: _Optional[str] = ..., amount: _Optional[int] = ...) -> None: ...

class TopupRequest(_message.Message):
    __slots__ = ("amount",)
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    amount: int
    def __init__(self, amount: _Optional[int] = ...) -> None: ...

class MovementAnswer(_message.Message):
    __slots__ = ("transaction_id",)
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    transaction_id: bytes
    def __init__(self, transaction_id: _Optional[bytes] = ...) -> None: ...

class HistoryRequest(_message.Message):
    __slots__ = ("limit", "cursor")
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    limit: int
    cursor: str
    def __init__(self, limit: _Optional[int] = ..., cursor: _Optional[str] = ...) -> None: ...

class Transaction(_message.Message):
    __slots__ = ("transaction_id", "kind", "sender_email", "receiver_email", "amount", "created_at")
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SENDER_EMAIL_FIELD_NUMBER: _ClassVar[int]
    RECEIVER_EMAIL_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    transaction_id: bytes
    kind: str
    sender_email: str
    receiver_email: str
    amount: int
    created_at: str
    def __init__(self, transaction_id: _Optional[bytes] = ..., kind: _Optional[str] = ..., sender_email: _Optional[str] = ..., receiver_email: _Optional[str] = ..., amount: _Optional[int] = ..., created_at: _Optional[str] = ...) -> None: ...

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
