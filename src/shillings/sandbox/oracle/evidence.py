"""What the oracle judges by: what was asked, what came of it, and what the ledger holds."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from shillings.base.ids import show

UNKNOWN_CODES = frozenset({"internal", "timeout"})
"""Answers after which nobody can tell whether the request was applied."""

LOSING_FAULTS = frozenset({"lost_response", "error_after_commit", "garbled_response"})
"""Faults after which the client does not know what the service did."""

BUSY_CODES = frozenset({"unavailable", "overloaded", "rate_limited"})
"""Answers that ask for another try, later."""


class LoggedRequest(NamedTuple):
    """One request, as the log has it.

    Args:
        number: 1, 2, 3 …: the order in which requests arrived.
        request_id: its X-Request-Id.
        command: the command's name; empty for what never became one.
        user_id: who asked; empty where nobody was signed in.
        session: a hash of the token it came with; empty for none.
        writes: whether it may change something.
        takes_key: whether an idempotency key means something with it.
        key: its idempotency key; empty for none.
        body: a hash of what was asked: equal for equal requests.
        intent: what the caller meant by it, in the caller's words; empty for nothing said.
        received_s, answered_s: when it came and when its answer left (seconds of one clock).
        code: the answer's code.
        replayed: whether the answer is an earlier request's.
        retry_after_s: how long the answer asked to wait; 0 for not said.
        fault: the name of the fault that touched it; empty for none.
        transaction_id: the transaction it made, or made earlier; empty for none.
    """

    number: int
    request_id: str
    command: str
    user_id: bytes = b""
    session: bytes = b""
    writes: bool = False
    takes_key: bool = False
    key: str = ""
    body: bytes = b""
    intent: str = ""
    received_s: float = 0.0
    answered_s: float = 0.0
    code: str = "ok"
    replayed: bool = False
    retry_after_s: float = 0.0
    fault: str = ""
    transaction_id: bytes = b""

    @property
    def is_unknown(self) -> bool:
        """Whether the client cannot know what became of it."""
        return self.writes and (self.code in UNKNOWN_CODES or self.fault in LOSING_FAULTS)


class Hold(NamedTuple):
    """A hold as the ledger has it: `status` is open, captured, voided or expired."""

    hold_id: bytes
    status: str
    request_id: str = ""


class Attempt(NamedTuple):
    """One attempt to deliver a webhook: how it ended, and which fault was done to it; empty for none."""

    outcome: str
    fault: str = ""


class Delivery(NamedTuple):
    """One event on its way to one endpoint of the client's.

    Args:
        event_id: the event's id. A client that acts on an event may give it as its intent.
        object_id, sequence: what it happened to, and the place of this event among all that happened to it.
        state: pending, delivered or failed.
        attempts: in order.
    """

    event_id: bytes
    object_id: bytes
    sequence: int
    state: str
    attempts: Sequence[Attempt] = ()

    @property
    def name(self) -> str:
        """The event's id as the client sees it."""
        return show(self.event_id)

    @property
    def copies(self) -> int:
        """How often the receiver was sent it and may have handled it."""
        return sum(_copies(attempt) for attempt in self.attempts)


def _copies(attempt: Attempt) -> int:
    name, _, parameter = attempt.fault.partition(";")
    return int(parameter.partition("=")[2]) if name == "duplicate" else int(attempt.outcome != "dropped")


class Evidence(NamedTuple):
    """Everything the oracle looks at.

    Args:
        requests: in order of arrival; the newest, if the log has forgotten some.
        holds: those of the ledger.
        deliveries: of webhooks.
        wrong_books: sentences about books that are not right; none when they are.
        lookups: names of the commands that tell a user what has become of earlier requests.
        logouts: names of the commands that end a session on purpose.
        pending_topups: transactions whose money did not arrive at once.
    """

    requests: Sequence[LoggedRequest] = ()
    holds: Sequence[Hold] = ()
    deliveries: Sequence[Delivery] = ()
    wrong_books: Sequence[str] = ()
    lookups: frozenset[str] = frozenset()
    logouts: frozenset[str] = frozenset()
    pending_topups: Collection[bytes] = frozenset()

    def by_user(self) -> Mapping[bytes, list[LoggedRequest]]:
        """The requests of each user who was signed in, in order."""
        found: dict[bytes, list[LoggedRequest]] = {}
        for request in self.requests:
            if request.user_id:
                found.setdefault(request.user_id, []).append(request)
        return found
