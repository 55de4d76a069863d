"""Shillings as its users meet it: real processes on a free port, and a small typed client that trusts no answer.

The client holds every answer, whatever the test is about, against what every answer must have: the one JSON shape,
the request's id, the security headers, and nothing of the inside.
"""

import json
import re
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx
import jwt
import psutil

from deploy.local.waiting import wait_until
from tests.running import Program, free_port, run_shillings

PASSWORD = "correct horse battery"
SECURITY_HEADERS = {
    "content-type": "application/json",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
}
_SECRET = re.compile(rb"[$]argon2|eyJ[A-Za-z0-9]{10}")
_INSIDE = re.compile(
    rb"Traceback|SELECT|INSERT|UPDATE|sqlite|sqlalchemy|argon2|/site-packages|0x[0-9a-f]{8}", re.IGNORECASE
)


# Nothing here speaks TLS; a context made once spares each client reading the system's certificates.
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class Service(Program):
    """`shillings serve` with its own data directory. It keeps its port when it is started again."""

    def __init__(self, folder: Path, *arguments: str, **settings: str) -> None:
        self.port = free_port()
        super().__init__(folder, ["serve", "--port", str(self.port), *arguments], settings)
        self.url = f"http://127.0.0.1:{self.port}"
        self._clients: list[Client] = []

    def is_ready(self, output: str) -> bool:
        """It says so."""
        return "Shillings is at " in output

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._clients:
            client.close()
        super().__exit__(kind, error, trace)

    @property
    def app(self) -> psutil.Process:
        """The application layer's process: the one that has claimed the database."""
        return next(child for child in self._children() if self._holds_database(child))

    @property
    def webs(self) -> list[psutil.Process]:
        """The web layer's processes."""
        return [child for child in self._children() if not self._holds_database(child)]

    def client(self) -> "Client":
        """A client that nobody is signed in with. It is closed when the service is."""
        self._clients.append(Client(self.url))
        return self._clients[-1]

    def new_user(self, name: str, balance: str | None = None) -> "User":
        """Somebody who has signed up, logged in and topped up."""
        return self.client().new_user(name, balance)

    def wait_until_ready(self, seconds: float) -> float:
        """Return, when /readyz says 200, how many seconds that took."""
        began = time.monotonic()
        wait_until(self._says_ready, seconds=seconds, what="/readyz to say 200")
        return time.monotonic() - began

    def _says_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5, verify=_NO_TLS).status_code == 200
        except httpx.TransportError:
            return False

    def _children(self) -> list[psutil.Process]:
        return psutil.Process(self.pid).children()

    def _holds_database(self, process: psutil.Process) -> bool:
        lock = str(self.data_dir / "shillings.db.lock")
        return any(file.path == lock for file in process.open_files())


class WebServer(Program):
    """`shillings web` by itself.

    Args:
        folder: its own.
        app: the application server's address.
    """

    def __init__(self, folder: Path, app: str, **settings: str) -> None:
        port = free_port()
        super().__init__(folder, ["web", "--listen", f"127.0.0.1:{port}", "--app", app], settings)
        self.url = f"http://127.0.0.1:{port}"

    def is_ready(self, output: str) -> bool:
        """Its port answers."""
        try:
            return httpx.get(f"{self.url}/healthz", timeout=5, verify=_NO_TLS).status_code == 200
        except httpx.TransportError:
            return False


class AppServer(Program):
    """`shillings app` by itself, listening for frames at a TCP port, on an embedded database of its own."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.port = free_port()
        super().__init__(folder, ["app", "--listen", f"tcp://127.0.0.1:{self.port}"], settings)
        migrated = run_shillings("migrate", cwd=folder, **self._settings)
        assert migrated.returncode == 0, migrated.stderr

    def is_ready(self, output: str) -> bool:
        """It says so."""
        return "app_listening" in output


@dataclass(frozen=True)
class Answer:
    """One HTTP answer. `body` is its JSON without `status`."""

    http: int
    code: str
    message: str
    body: dict[str, Any]
    content: bytes
    headers: httpx.Headers

    @property
    def outcome(self) -> tuple[int, str]:
        """What became of the request: HTTP's number and the API's word."""
        return self.http, self.code


def checked(response: httpx.Response) -> Answer:
    """An answer that has what every answer must have, and nothing that none may have."""
    for name, value in SECURITY_HEADERS.items():
        assert response.headers.get(name) == value, f"{name}: {response.headers.get(name)!r}"
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", response.headers.get("x-request-id", ""))
    assert "server" not in response.headers
    assert not _SECRET.search(response.content), f"the answer holds a secret: {response.content!r}"
    body = (
        json.loads(response.content) if response.request.method != "HEAD" else {"status": {"code": "", "message": ""}}
    )
    status = body.pop("status", None)
    if status is None:
        assert "openapi" in body, f"no status in {response.content!r}"
        status = {"code": "ok", "message": "Done."}
    assert status.keys() == {"code", "message"}
    if response.status_code != 200:
        assert not _INSIDE.search(response.content), f"the answer shows the inside: {response.content!r}"
        assert not body, f"an error has more than its status: {response.content!r}"
        assert "set-cookie" not in response.headers
    return Answer(response.status_code, status["code"], status["message"], body, response.content, response.headers)


class Client:
    """Sends requests. It keeps no cookies: who is signed in is said with each request."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=15.0, verify=_NO_TLS)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

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
        headers: Mapping[str, str] | Sequence[tuple[bytes, bytes]] | None = None,
        token: str = "",
    ) -> Answer:
        """Send a request with a JSON body, or with exactly these bytes.

        Raises:
            httpx.TransportError: the connection broke; nobody knows what became of the request.
        """
        if body is not None:
            content = json.dumps(body).encode()
        every: list[tuple[bytes, bytes]] = []
        if content is not None:
            every.append((b"Content-Type", b"application/json"))
        if token:
            every.append((b"Authorization", b"Bearer " + token.encode()))
        if isinstance(headers, Mapping):
            given = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        else:
            given = list(headers or [])
        names = {name.lower() for name, _ in given}
        every = [(name, value) for name, value in every if name.lower() not in names] + given
        response = self._http.request(method, path, content=content, headers=every)
        self._http.cookies.clear()
        return checked(response)

    def sign_up(self, email: str, password: str = PASSWORD, **fields: object) -> Answer:
        """Send a sign-up."""
        body = {"first_name": "Ann", "last_name": "Lee", "email": email, "password": password} | fields
        return self.send("POST", "/v1/signup", body)

    def log_in(self, email: str, password: str = PASSWORD) -> Answer:
        """Send a login. `token_of` reads the token from the answer."""
        return self.send("POST", "/v1/login", {"email": email, "password": password})

    def new_user(self, name: str, balance: str | None = None) -> "User":
        """Somebody who has signed up, logged in and, if told so, topped up."""
        email = f"{name}@example.com"
        assert self.sign_up(email).outcome == (200, "ok")
        user = User(self, email, token_of(self.log_in(email)))
        if balance is not None:
            assert user.top_up(balance).outcome == (200, "ok")
        return user


def token_of(answer: Answer) -> str:
    """The token in the cookie that a login set."""
    assert answer.outcome == (200, "ok"), answer
    found = re.match(r"token=([^;]+);", answer.headers["set-cookie"])
    assert found, answer.headers["set-cookie"]
    return found[1]


def new_token(user_id: str, key: str) -> str:
    """A token for a session that nobody logged in to, signed with the service's own key."""
    now = int(time.time())
    return jwt.encode({"sub": user_id, "jti": str(uuid4()), "iat": now, "exp": now + 3600}, key, algorithm="HS256")


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
        answer = self.send("GET", "/v1/account")
        assert answer.outcome == (200, "ok"), answer
        user: dict[str, Any] = answer.body["user"]
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
            answer = self.send("GET", f"/v1/transactions?limit=100&cursor={cursor}")
            assert answer.outcome == (200, "ok"), answer
            lines += answer.body["transactions"]
            cursor = answer.body["next_cursor"]
            if cursor is None:
                return lines

    def state(self) -> tuple[Decimal, list[dict[str, Any]]]:
        """Everything of the user's that money moves change, to compare before and after."""
        return self.balance, self.history()
