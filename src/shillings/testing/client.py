"""A small client for tests, on the standard library alone. Each request says who sends it; no cookies are kept."""

import http.client
import json
import select
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

PASSWORD = "correct horse battery"  # noqa: S105 - of people who live as long as a test
_SECONDS_MAX = 15.0

Headers = Mapping[str, str] | Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Answer:
    """One HTTP answer.

    Args:
        http: the status.
        code, message: what the API says became of the request.
        body: the JSON without `status`.
        content: the body's bytes.
        headers: by name in small letters; several with one name are joined by commas.
    """

    http: int
    code: str
    message: str
    body: dict[str, Any]
    content: bytes
    headers: Mapping[str, str]

    @property
    def outcome(self) -> tuple[int, str]:
        """What became of the request: HTTP's number and the API's word."""
        return self.http, self.code


class Client:
    """Sends requests, one at a time, on one connection.

    Args:
        url: of the server: http://host:port.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        parts = urlsplit(url)
        assert parts.scheme == "http", "tests need no TLS"
        assert parts.hostname, "a host"
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=_SECONDS_MAX)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content: bytes | None = None,
        headers: Headers | None = None,
        token: str = "",
    ) -> Answer:
        """Send a request, once, with a JSON body or with exactly these bytes.

        Raises:
            OSError, http.client.HTTPException: the connection broke; nobody knows what became of the request.
        """
        content = json.dumps(body).encode() if body is not None else content
        self._forget_closed()
        try:
            self._connection.putrequest(method, path)
            for name, value in with_defaults(headers, content, token):
                self._connection.putheader(name.decode("latin-1"), value)
            if content is not None:
                self._connection.putheader("Content-Length", str(len(content)))
            self._connection.endheaders(content)
            response = self._connection.getresponse()
            received = response.read()
        except BaseException:
            # The next request needs a new connection: what is still on its way on this one is nobody's answer.
            self._connection.close()
            raise
        answer = json.loads(received) if received else {}
        status = answer.pop("status", {"code": "", "message": ""})
        names = {name.lower(): response.headers.get_all(name) or [] for name in response.headers}
        joined = {name: ", ".join(values) for name, values in names.items()}
        return Answer(response.status, status["code"], status["message"], answer, received, joined)

    def _forget_closed(self) -> None:
        """Take a new connection if the server has closed the one that was kept: nothing is due on it, so it is over."""
        kept = self._connection.sock
        if kept is not None and select.select([kept], [], [], 0)[0]:
            self._connection.close()

    def sign_up(self, email: str, password: str = PASSWORD, **fields: object) -> Answer:
        """Send a sign-up."""
        body = {"first_name": "Ann", "last_name": "Lee", "email": email, "password": password} | fields
        return self.send("POST", "/v1/signup", body)

    def log_in(self, email: str, password: str = PASSWORD) -> Answer:
        """Send a login. `token_of` reads the token from the answer."""
        return self.send("POST", "/v1/login", {"email": email, "password": password})

    def new_user(self, name: str, balance: str | None = None) -> "User":
        """Somebody who has signed up as `name@example.com`, logged in and, if told so, topped up."""
        email = f"{name}@example.com"
        _require_ok(self.sign_up(email))
        user = User(self, email, token_of(self.log_in(email)))
        if balance is not None:
            _require_ok(user.top_up(balance))
        return user


@dataclass(frozen=True)
class User:
    """Somebody who is signed in."""

    client: Client = field(repr=False)
    email: str
    token: str = field(repr=False)

    def send(
        self, method: str, path: str, body: object = None, *, key: str = "", content: bytes | None = None
    ) -> Answer:
        """Send a request with this user's token, and perhaps with an idempotency key."""
        headers = {"Idempotency-Key": key} if key else None
        return self.client.send(method, path, body, content=content, headers=headers, token=self.token)

    def pay(self, receiver_email: str, amount: object, key: str = "") -> Answer:
        """Send a payment."""
        return self.send("POST", "/v1/pay", {"receiver_email": receiver_email, "amount": amount}, key=key)

    def top_up(self, amount: object, key: str = "") -> Answer:
        """Send a top-up."""
        return self.send("POST", "/v1/topup", {"amount": amount}, key=key)

    def account(self) -> dict[str, Any]:
        """The user as the service sees it."""
        user: dict[str, Any] = _require_ok(self.send("GET", "/v1/account")).body["user"]
        return user

    @property
    def balance(self) -> Decimal:
        """The balance now."""
        return Decimal(self.account()["balance"])

    def history(self) -> list[dict[str, Any]]:
        """The whole history, newest first, page by page."""
        lines: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = _require_ok(self.send("GET", f"/v1/transactions?limit=100&cursor={cursor}")).body
            lines += page["transactions"]
            cursor = page["next_cursor"]
            if cursor is None:
                return lines

    def state(self) -> tuple[Decimal, list[dict[str, Any]]]:
        """Everything of the user's that money moves change, to compare before and after."""
        return self.balance, self.history()


def with_defaults(headers: Headers | None, content: bytes | None, token: str) -> list[tuple[bytes, bytes]]:
    """The headers that were given, and those that every request has unless it was given others."""
    if isinstance(headers, Mapping):
        given = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    else:
        given = list(headers or [])
    names = {name.lower() for name, _ in given}
    usual = [(b"Content-Type", b"application/json")] if content is not None else []
    usual += [(b"Authorization", b"Bearer " + token.encode())] if token else []
    return [(name, value) for name, value in usual if name.lower() not in names] + given


def token_of(answer: Answer) -> str:
    """The token that a login gave, in its body and in the cookie that it set."""
    token = str(_require_ok(answer).body["token"])
    assert answer.headers["set-cookie"].startswith(f"token={token};"), answer.headers["set-cookie"]
    return token


def _require_ok(answer: Answer) -> Answer:
    assert answer.outcome == (200, "ok"), answer
    return answer
