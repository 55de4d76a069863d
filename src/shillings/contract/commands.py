"""The commands: one table, imported by both layers. What a command is, is said here and nowhere else.

The web layer's endpoints refer to a row and add what HTTP adds; the application layer's handlers are keyed by it.
"""

from enum import Enum, auto
from typing import NamedTuple

from google.protobuf.message import Message

from shillings.contract import shillings_pb2 as wire


class Auth(Enum):
    """Who may send a command."""

    NONE = auto()
    """Anybody."""

    SESSION = auto()
    """Whoever has logged in."""

    SANDBOX = auto()
    """Whoever may break things on purpose."""

    DELIVERER = auto()
    """A deliverer of webhooks: whoever has the key that it shares with the application servers."""


class Effect(Enum):
    """What a command does to the data. Only a write can have an unknown outcome: a read changes nothing."""

    READ = auto()
    WRITE = auto()


class Command(NamedTuple):
    """One row.

    Args:
        name: three letters, as in the protocol.
        number: the protocol's number.
        request: the request's message.
        answer: the answer's message.
        auth: who may send it.
        effect: whether it changes anything.
        takes_key: whether an idempotency key means something with it.
    """

    name: str
    number: int
    request: type[Message]
    answer: type[Message]
    auth: Auth
    effect: Effect
    takes_key: bool = False


LGN = Command("LGN", wire.LGN, wire.LoginRequest, wire.LoginAnswer, Auth.NONE, Effect.WRITE)
SGN = Command("SGN", wire.SGN, wire.SignupRequest, wire.SignupAnswer, Auth.NONE, Effect.WRITE, takes_key=True)
USR = Command("USR", wire.USR, wire.AccountRequest, wire.AccountAnswer, Auth.SESSION, Effect.READ)
PAY = Command("PAY", wire.PAY, wire.PayRequest, wire.TransactionAnswer, Auth.SESSION, Effect.WRITE, takes_key=True)
TPU = Command("TPU", wire.TPU, wire.TopupRequest, wire.TransactionAnswer, Auth.SESSION, Effect.WRITE, takes_key=True)
TXQ = Command("TXQ", wire.TXQ, wire.HistoryRequest, wire.HistoryAnswer, Auth.SESSION, Effect.READ)
LGO = Command("LGO", wire.LGO, wire.LogoutRequest, wire.LogoutAnswer, Auth.SESSION, Effect.WRITE)
RDY = Command("RDY", wire.RDY, wire.ReadyRequest, wire.ReadyAnswer, Auth.NONE, Effect.READ)
PWD = Command("PWD", wire.PWD, wire.PasswordRequest, wire.LoginAnswer, Auth.SESSION, Effect.WRITE)
EML = Command("EML", wire.EML, wire.EmailRequest, wire.LoginAnswer, Auth.SESSION, Effect.WRITE)
CLS = Command("CLS", wire.CLS, wire.CloseRequest, wire.CloseAnswer, Auth.SESSION, Effect.WRITE)
TXG = Command("TXG", wire.TXG, wire.TransactionRequest, wire.Transaction, Auth.SESSION, Effect.READ)
RFD = Command("RFD", wire.RFD, wire.RefundRequest, wire.TransactionAnswer, Auth.SESSION, Effect.WRITE, takes_key=True)
HLD = Command("HLD", wire.HLD, wire.HoldRequest, wire.HoldAnswer, Auth.SESSION, Effect.WRITE, takes_key=True)
HLQ = Command("HLQ", wire.HLQ, wire.HoldsRequest, wire.HoldsAnswer, Auth.SESSION, Effect.READ)
HLG = Command("HLG", wire.HLG, wire.OneHoldRequest, wire.Hold, Auth.SESSION, Effect.READ)
CAP = Command("CAP", wire.CAP, wire.CaptureRequest, wire.TransactionAnswer, Auth.SESSION, Effect.WRITE, takes_key=True)
VOI = Command("VOI", wire.VOI, wire.OneHoldRequest, wire.TransactionAnswer, Auth.SESSION, Effect.WRITE, takes_key=True)
TPS, TPR, RFS, RFF = (
    Command(name, number, wire.ConcludeRequest, wire.TransactionAnswer, Auth.SANDBOX, Effect.WRITE)
    for name, number in (("TPS", wire.TPS), ("TPR", wire.TPR), ("RFS", wire.RFS), ("RFF", wire.RFF))
)

FLT = Command("FLT", wire.FLT, wire.AddFaultRequest, wire.FaultRule, Auth.SANDBOX, Effect.WRITE)
FLS = Command("FLS", wire.FLS, wire.ListFaultsRequest, wire.ListFaultsAnswer, Auth.SANDBOX, Effect.READ)
FLC = Command("FLC", wire.FLC, wire.ClearFaultsRequest, wire.ClearFaultsAnswer, Auth.SANDBOX, Effect.WRITE)
FLR = Command("FLR", wire.FLR, wire.RemoveFaultRequest, wire.RemoveFaultAnswer, Auth.SANDBOX, Effect.WRITE)
WHY = Command("WHY", wire.WHY, wire.ExplainRequest, wire.ExplainAnswer, Auth.SANDBOX, Effect.READ)
IDQ = Command("IDQ", wire.IDQ, wire.IdempotencyRequest, wire.IdempotencyAnswer, Auth.SANDBOX, Effect.READ)
IDC = Command("IDC", wire.IDC, wire.ChangeIdempotencyRequest, wire.IdempotencyAnswer, Auth.SANDBOX, Effect.WRITE)
RQL = Command("RQL", wire.RQL, wire.RequestsRequest, wire.RequestsAnswer, Auth.SANDBOX, Effect.READ)
RQF = Command("RQF", wire.RQF, wire.FollowRequestsRequest, wire.FollowRequestsAnswer, Auth.SANDBOX, Effect.READ)
NTE = Command("NTE", wire.NTE, wire.NoteRequest, wire.NoteAnswer, Auth.NONE, Effect.WRITE)
AUD = Command("AUD", wire.AUD, wire.AuditRequest, wire.AuditAnswer, Auth.SANDBOX, Effect.READ)

CKR = Command("CKR", wire.CKR, wire.ClockRequest, wire.ClockAnswer, Auth.SANDBOX, Effect.READ)
CKA = Command("CKA", wire.CKA, wire.AdvanceClockRequest, wire.ClockAnswer, Auth.SANDBOX, Effect.WRITE)
CKF = Command("CKF", wire.CKF, wire.FreezeClockRequest, wire.ClockAnswer, Auth.SANDBOX, Effect.WRITE)
CKX = Command("CKX", wire.CKX, wire.ResetClockRequest, wire.ClockAnswer, Auth.SANDBOX, Effect.WRITE)
RST = Command("RST", wire.RST, wire.ResetRequest, wire.ResetAnswer, Auth.SANDBOX, Effect.WRITE)
SNM = Command("SNM", wire.SNM, wire.MakeSnapshotRequest, wire.SnapshotAnswer, Auth.SANDBOX, Effect.WRITE)
SNL = Command("SNL", wire.SNL, wire.ListSnapshotsRequest, wire.SnapshotsAnswer, Auth.SANDBOX, Effect.READ)
SNR = Command("SNR", wire.SNR, wire.RestoreSnapshotRequest, wire.ResetAnswer, Auth.SANDBOX, Effect.WRITE)
SND = Command("SND", wire.SND, wire.DropSnapshotRequest, wire.DropSnapshotAnswer, Auth.SANDBOX, Effect.WRITE)
FIX = Command("FIX", wire.FIX, wire.FixturesRequest, wire.FixturesAnswer, Auth.SANDBOX, Effect.WRITE)

EVQ = Command("EVQ", wire.EVQ, wire.EventsRequest, wire.EventsAnswer, Auth.SESSION, Effect.READ)
WEC = Command(
    "WEC", wire.WEC, wire.WebhookEndpointCreateRequest, wire.WebhookEndpointAnswer, Auth.SESSION, Effect.WRITE
)
WEQ = Command("WEQ", wire.WEQ, wire.WebhookEndpointsRequest, wire.WebhookEndpointsAnswer, Auth.SESSION, Effect.READ)
WEU = Command(
    "WEU", wire.WEU, wire.WebhookEndpointChangeRequest, wire.WebhookEndpointAnswer, Auth.SESSION, Effect.WRITE
)
WED = Command(
    "WED", wire.WED, wire.WebhookEndpointRemoveRequest, wire.WebhookEndpointRemoveAnswer, Auth.SESSION, Effect.WRITE
)
DLQ = Command("DLQ", wire.DLQ, wire.DeliveriesRequest, wire.DeliveriesAnswer, Auth.SESSION, Effect.READ)
DLR = Command("DLR", wire.DLR, wire.DeliverAgainRequest, wire.DeliverAgainAnswer, Auth.SESSION, Effect.WRITE)
OEQ, OWC, OWQ, OWU, OWD, ODQ, ODR = (
    mine._replace(name=name, number=number, auth=Auth.SANDBOX)
    for mine, name, number in (
        (EVQ, "OEQ", wire.OEQ), (WEC, "OWC", wire.OWC), (WEQ, "OWQ", wire.OWQ), (WEU, "OWU", wire.OWU),
        (WED, "OWD", wire.OWD), (DLQ, "ODQ", wire.ODQ), (DLR, "ODR", wire.ODR),
    )
)  # fmt: skip
CLM = Command("CLM", wire.CLM, wire.ClaimRequest, wire.ClaimAnswer, Auth.DELIVERER, Effect.WRITE)
RPT = Command("RPT", wire.RPT, wire.ReportRequest, wire.ReportAnswer, Auth.DELIVERER, Effect.WRITE)

COMMANDS: tuple[Command, ...] = tuple(row for row in list(globals().values()) if isinstance(row, Command))
"""Every row above, in that order."""

BY_NUMBER: dict[int, Command] = {command.number: command for command in COMMANDS}
