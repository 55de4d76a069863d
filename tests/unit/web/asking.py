"""Asks the web layer without HTTP: its ASGI function, and an application layer that answers as a test asks."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, NamedTuple, cast

from shillings.contract import shillings_pb2 as wire
from shillings.runtime.settings import Settings
from shillings.runtime.web_stack import make_site
from shillings.telemetry.tracing import NoTracing
from shillings.web.site import Observe, Site
from shillings.wire.client import AppClient
from tests.values import ENVIRONMENT

JSON = (b"content-type", b"application/json")
Headers = tuple[tuple[bytes, bytes], ...]


class FakeApp:
    """Stands in for the client: notes every request, and answers it with a response or an error."""

    def __init__(self, answer: Callable[[wire.Request], wire.Response | Exception] | None = None) -> None:
        self.seen: list[wire.Request] = []
        self.refuses: Exception | None = None
        self._answer = answer or (lambda _request: wire.Response())

    def require_room(self) -> None:
        """Find a connection."""
        if self.refuses is not None:
            raise self.refuses

    def call(self, request: wire.Request, timeout_s: float) -> "asyncio.Future[wire.Response]":
        """Send a request."""
        self.require_room()
        self.seen.append(request)
        future: asyncio.Future[wire.Response] = asyncio.get_running_loop().create_future()
        answer = self._answer(request)
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
        return future


class Answer(NamedTuple):
    """What came back."""

    http: int
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def outcome(self) -> tuple[int, str]:
        """HTTP's number and the API's word."""
        return self.http, self.body["status"]["code"]


def web_of(
    app: FakeApp,
    *,
    cookie_secure: bool = False,
    observe: Observe = lambda _path, _status, _seconds: None,
    sandbox: bool = False,
    sandbox_key: str = "",
) -> Site:
    """The web layer before an application layer."""
    settings = Settings(sandbox=sandbox, cookie_secure=cookie_secure, request_timeout_ms=1000, sandbox_key=sandbox_key)
    return make_site(settings, cast(AppClient, app), observe, NoTracing(), ENVIRONMENT)


async def ask(
    web: Site,
    method: str,
    path: str,
    body: object = None,
    *,
    content: bytes = b"",
    headers: Headers = (),
    query: bytes = b"",
) -> Answer:
    """One request and its answer, which must be whole."""
    if body is not None:
        content, headers = json.dumps(body).encode(), (JSON, *headers)
    pieces = [content[at : at + 40_000] for at in range(0, len(content), 40_000)] or [b""]
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages[-1]["more_body"] = False
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "query_string": query, "headers": list(headers)}
    await web(scope, receive, send)
    start, end = sent
    head = {name.decode(): value.decode() for name, value in start["headers"]}
    assert len(head) == len(start["headers"]), "a header is there twice"
    assert int(head["content-length"]) == len(end["body"])
    return Answer(start["status"], head, json.loads(end["body"]))
