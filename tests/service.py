"""Shillings as its users meet it: real processes on a free port, and a small typed client that trusts no answer.

The client holds every answer, whatever the test is about, against what every answer must have: the one JSON shape,
the request's id, the security headers, and nothing of the inside.
"""

import json
import re
import ssl
import time
from pathlib import Path
from uuid import uuid4

import httpx
import jwt
import psutil

from shillings.testing import client as testing
from shillings.testing.client import PASSWORD, Answer, Headers, User, token_of, with_defaults
from shillings.testing.ports import free_port
from shillings.testing.server import ShillingsServer, answers_ok
from tests.running import Program, Tracked, run_shillings

__all__ = [
    "PASSWORD", "Answer", "AppServer", "Client", "Service", "User", "WebServer", "checked", "new_token", "token_of",
]  # fmt: skip

SECURITY_HEADERS = {
    "content-type": "application/json",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
}
OPENERS = ("/login", "/password", "/email")
"""The paths whose answers hold a token."""

_SECRET = re.compile(rb"[$]argon2|eyJ[A-Za-z0-9]{10}")
_INSIDE = re.compile(
    rb"Traceback|SELECT|INSERT|UPDATE|sqlite|sqlalchemy|argon2|/site-packages|0x[0-9a-f]{8}", re.IGNORECASE
)


# Nothing here speaks TLS; a context made once spares each client reading the system's certificates.
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class Service(ShillingsServer, Tracked):
    """`shillings serve` with its own data directory. It keeps its port when it is started again."""

    def __init__(self, folder: Path, *arguments: str, **settings: str) -> None:
        ShillingsServer.__init__(self, folder, settings, arguments)

    def is_ready(self, output: str) -> bool:
        """It says so."""
        return "Shillings is at " in output

    @property
    def app(self) -> psutil.Process:
        """The application layer's process: the one that has claimed the database."""
        return next(child for child in self._children() if self._holds_database(child))

    @property
    def webs(self) -> list[psutil.Process]:
        """The web layer's processes."""
        return [child for child in self._children() if self._name_of(child).startswith("shillings web")]

    @property
    def deliverer(self) -> psutil.Process:
        """The deliverer's process."""
        return next(child for child in self._children() if self._name_of(child).startswith("shillings deliv"))

    def client(self) -> "Client":
        """A client that nobody is signed in with. It is closed when the service is."""
        made = Client(self.url)
        self._clients.append(made)
        return made

    def _children(self) -> list[psutil.Process]:
        return psutil.Process(self.pid).children()

    @staticmethod
    def _name_of(process: psutil.Process) -> str:
        try:
            return Path(f"/proc/{process.pid}/comm").read_text().strip()
        except OSError:
            return ""

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
        self.port = free_port()
        super().__init__(folder, ["web", "--listen", f"127.0.0.1:{self.port}", "--app", app], settings)
        self.url = f"http://127.0.0.1:{self.port}"

    def is_ready(self, output: str) -> bool:
        """Its port answers."""
        return answers_ok(self.port, "/healthz")


class AppServer(Program):
    """`shillings app` by itself, listening for frames at a TCP port, on an embedded database of its own."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.port = free_port()
        super().__init__(folder, ["app", "--listen", f"tcp://127.0.0.1:{self.port}"], settings)
        migrated = run_shillings("migrate", cwd=folder, **self.settings)
        assert migrated.returncode == 0, migrated.stderr

    def is_ready(self, output: str) -> bool:
        """It says so."""
        return "app_listening" in output


def checked(response: httpx.Response) -> Answer:
    """An answer that has what every answer must have, and nothing that none may have."""
    for name, value in SECURITY_HEADERS.items():
        assert response.headers.get(name) == value, f"{name}: {response.headers.get(name)!r}"
    assert re.fullmatch(r"[A-Za-z0-9._:=+@-]{1,64}", response.headers.get("x-request-id", ""))
    assert "server" not in response.headers
    if not response.request.url.path.endswith(OPENERS):
        assert not _SECRET.search(response.content), f"the answer holds a secret: {response.content!r}"
    body = (
        json.loads(response.content) if response.request.method != "HEAD" else {"status": {"code": "", "message": ""}}
    )
    status = body.pop("status", None)
    if status is None:
        assert "openapi" in body, f"no status in {response.content!r}"
        status = {"code": "ok", "message": "Done."}
    assert status.keys() - {"field"} == {"code", "message"}
    if response.status_code != 200:
        assert not _INSIDE.search(response.content), f"the answer shows the inside: {response.content!r}"
        assert not body, f"an error has more than its status: {response.content!r}"
        assert "set-cookie" not in response.headers
    return Answer(response.status_code, status["code"], status["message"], body, response.content, response.headers)


class Client(testing.Client):
    """Sends any bytes with any headers, and checks each answer."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=url, timeout=15.0, verify=_NO_TLS)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

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
        """Send a request with a JSON body, or with exactly these bytes.

        Raises:
            httpx.TransportError: the connection broke; nobody knows what became of the request.
        """
        if body is not None:
            content = json.dumps(body).encode()
        response = self._http.request(method, path, content=content, headers=with_defaults(headers, content, token))
        self._http.cookies.clear()
        return checked(response)


def new_token(user_id: str, key: str) -> str:
    """A token for a session that nobody logged in to, signed with the service's own key."""
    now = int(time.time())
    said = {"iss": "shillings", "aud": "shillings", "sub": user_id, "jti": str(uuid4()), "iat": now, "exp": now + 3600}
    return jwt.encode(said, key, algorithm="HS256")
