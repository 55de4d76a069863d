"""What a command's function is told about the request, beside its own message."""

from dataclasses import dataclass, field

from shillings.auth.tokens import Claims
from shillings.storage.sessions import Profile


@dataclass(slots=True)
class Call:
    """One request as the commands see it.

    Args:
        request_id: for the log lines.
        deadline: the time (of `time.monotonic`) after which nobody waits.
        idempotency_key: empty for none.
        token: the session's token, empty for none.
        replayed: set by the command when its answer is an earlier request's.
        claims, profile: whose session it is; set by `Sessions.signed_in` before a command that needs one runs.
            The session stood when it was looked at; the database has the last word.
    """

    request_id: str
    deadline: float
    idempotency_key: str
    token: str
    replayed: bool = False
    claims: Claims = field(init=False)
    profile: Profile = field(init=False)
