"""The ASGI function: find the row, read the body, send the command, answer.

Every answer, also that of a crash, has the one JSON shape, the security headers and the request's id.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import msgspec
import structlog

from shillings.errors import Code, OutcomeUnknown, Refusal, Unavailable
from shillings.money import Currency
from shillings.telemetry.tracing import Tracing
from shillings.web.asgi import Headers, Receive, Scope, Send
from shillings.web.conversion import Fields, fields_reader, message_maker
from shillings.web.endpoints import ENDPOINTS, HTTP_STATUS, Cookie, Endpoint
from shillings.web.openapi import document
from shillings.web.requests import (
    ClientGone,
    decode_body,
    decode_query,
    find_idempotency_key,
    find_request_id,
    find_token,
    find_trace,
    read_body,
)
from shillings.wire import shillings_pb2 as wire
from shillings.wire.client import AppClient

READY_SECONDS_MAX = 1.0
RETRY_AFTER_SECONDS = b"1"

Observe = Callable[[str, str, float], None]

log = structlog.get_logger(__name__)


_SECURITY: Headers = [
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
]
_HSTS = (b"strict-transport-security", b"max-age=31536000")

_encode = msgspec.json.Encoder().encode
_OK = {"code": Code.OK.word, "message": "Done."}


class Route(NamedTuple):
    """A row made ready to run."""

    endpoint: Endpoint
    decode: Callable[[bytes], Any] | None
    make_message: Callable[[Any], bytes]
    read_answer: Callable[[Any], Fields]


class Reply(NamedTuple):
    """What goes back to the client."""

    code: Code
    body: bytes
    headers: Iterable[tuple[bytes, bytes]] = ()


class WebService:
    """The web layer as an ASGI application.

    Args:
        client: the way to the application layer.
        currency: how amounts are written.
        cookie_secure: whether the cookie is for TLS only.
        timeout_s: how long a request may take.
        observe: told path, status and seconds of every request.
        tracing: makes a span for each request.
        log_each: whether every request gets a line in the log.
    """

    def __init__(
        self,
        *,
        client: AppClient,
        currency: Currency,
        cookie_secure: bool,
        timeout_s: float,
        observe: Observe,
        tracing: Tracing,
        log_each: bool = False,
    ) -> None:
        self._client = client
        self._timeout_s = timeout_s
        self._observe = observe
        self._tracing = tracing
        self._log_each = log_each
        self._headers = [*_SECURITY, _HSTS] if cookie_secure else _SECURITY
        self._cookie_end = b"; Path=/; HttpOnly; SameSite=Strict" + (b"; Secure" if cookie_secure else b"")
        self._routes: dict[str, dict[str, Route]] = {}
        for endpoint in ENDPOINTS:
            self._routes.setdefault(endpoint.path, {})[endpoint.method] = _route(endpoint, currency)
        self._documents = {"/openapi.json": _encode(document())}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Part of the ASGI interface."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        assert scope["type"] == "http", "uvicorn is started without WebSockets"
        began = time.perf_counter()
        headers: dict[bytes, bytes] = dict(scope["headers"])
        request_id = find_request_id(headers)
        try:
            reply = await self._reply(scope, headers, request_id, receive)
        except Refusal as refusal:
            reply = _refusal(refusal)
        except ClientGone:
            return
        except Exception:
            log.exception("request_crashed", request_id=request_id.decode(), path=scope["path"])
            reply = _refusal(OutcomeUnknown())
        status = HTTP_STATUS[reply.code]
        await send({"type": "http.response.start", "status": status, "headers": self._head(reply, request_id)})
        await send({"type": "http.response.body", "body": reply.body})
        self._note(scope, status, request_id, time.perf_counter() - began)

    def refuse_unreadable(self) -> bytes:
        """The whole answer, as bytes, to what is not HTTP: there is no request it could be sent to."""
        reply = _refusal(Refusal(Code.INVALID_REQUEST, "This is not an HTTP request."), [(b"connection", b"close")])
        head = b"".join([b"%s: %s\r\n" % header for header in self._head(reply, find_request_id({}))])
        return b"HTTP/1.1 400 Bad Request\r\n" + head + b"\r\n" + reply.body

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await self._client.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._client.stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def _reply(self, scope: Scope, headers: dict[bytes, bytes], request_id: bytes, receive: Receive) -> Reply:
        path, method = scope["path"], scope["method"]
        methods = self._routes.get(path)
        if methods is None:
            return await self._reply_about_service(path, method)
        route = methods.get("GET" if method == "HEAD" else method)
        if route is None:
            raise _MethodNotAllowed(methods)
        return await self._run(route, scope, headers, request_id, receive)

    async def _run(
        self, route: Route, scope: Scope, headers: dict[bytes, bytes], request_id: bytes, receive: Receive
    ) -> Reply:
        endpoint = route.endpoint
        # Under overload the surplus is turned away before any work is done for it.
        self._client.require_room()
        if route.decode is not None:
            decoded = decode_body(route.decode, await read_body(headers, receive), headers)
        else:
            decoded = decode_query(endpoint.query, scope["query_string"])
        request = wire.Request(
            command=endpoint.command,  # type: ignore[arg-type]
            data=route.make_message(decoded),
            token=find_token(headers) if endpoint.needs_session else "",
            idempotency_key=find_idempotency_key(headers) if endpoint.takes_key else "",
            request_id=request_id.decode(),
        )
        with self._tracing.span(endpoint.path, find_trace(headers)) as trace:
            request.trace = trace
            response = await self._ask(request, endpoint)
        return self._answer(route, response)

    async def _ask(self, request: wire.Request, endpoint: Endpoint) -> wire.Response:
        try:
            return await self._client.call(request, self._timeout_s)
        except OutcomeUnknown:
            if endpoint.method == "GET":
                # A read changes nothing, so there is nothing unknown about it.
                raise Unavailable from None
            raise

    def _answer(self, route: Route, response: wire.Response) -> Reply:
        headers: Headers = [(b"idempotent-replayed", b"true")] if response.replayed else []
        if response.code != wire.OK:
            return _refusal(Refusal(Code(response.code), response.message), headers)
        message: Any = route.endpoint.answer_message.FromString(response.data)
        if route.endpoint.cookie is Cookie.SET:
            headers.append(self._cookie(message.token, message.lifetime_s))
        elif route.endpoint.cookie is Cookie.CLEAR:
            headers.append(self._cookie("", 0))
        fields = route.read_answer(message)
        fields["status"] = _OK
        return Reply(Code.OK, _encode(fields), headers)

    async def _reply_about_service(self, path: str, method: str) -> Reply:
        """The few paths that are no endpoints: health, readiness, documents."""
        if path not in self._documents and path not in ("/healthz", "/readyz"):
            raise Refusal(Code.NOT_FOUND, "There is nothing at this path. /openapi.json lists what there is.")
        if method not in ("GET", "HEAD"):
            raise _MethodNotAllowed(("GET",))
        if path in self._documents:
            return Reply(Code.OK, self._documents[path])
        if path == "/readyz":
            request = wire.Request(command=wire.RDY)
            try:
                response = await self._client.call(request, READY_SECONDS_MAX)
            except Refusal as refusal:
                raise Unavailable(f"The application layer does not answer: {refusal.message}") from None
            if response.code != wire.OK:
                raise Unavailable(f"The application layer cannot reach the database: {response.message}")
        return Reply(Code.OK, _encode({"status": _OK}))

    def _cookie(self, token: str, lifetime_s: int) -> tuple[bytes, bytes]:
        return b"set-cookie", f"token={token}; Max-Age={lifetime_s}".encode() + self._cookie_end

    def _head(self, reply: Reply, request_id: bytes) -> Headers:
        return [
            *self._headers,
            (b"content-length", b"%d" % len(reply.body)),
            (b"x-request-id", request_id),
            *reply.headers,
        ]

    def _note(self, scope: Scope, status: int, request_id: bytes, seconds: float) -> None:
        path = scope["path"] if scope["path"] in self._routes or status != 404 else "other"
        self._observe(path, str(status), seconds)
        if self._log_each:
            log.debug("request", request_id=request_id.decode(), path=path, status=status, ms=round(seconds * 1000, 2))


class _MethodNotAllowed(Refusal):
    """The path exists, and not with this method."""

    def __init__(self, methods: Iterable[str]) -> None:
        self.allow = ", ".join(sorted(methods))
        super().__init__(Code.METHOD_NOT_ALLOWED, f"This path takes {self.allow}.")


def _route(endpoint: Endpoint, currency: Currency) -> Route:
    decode = None if endpoint.body is None else msgspec.json.Decoder(endpoint.body).decode
    shape = endpoint.body or endpoint.query or msgspec.Struct
    return Route(
        endpoint,
        decode,
        message_maker(shape, endpoint.request, currency),
        fields_reader(endpoint.answer, endpoint.answer_message, currency),
    )


def _refusal(refusal: Refusal, headers: Headers | None = None) -> Reply:
    body = _encode({"status": {"code": refusal.code.word, "message": refusal.message}})
    extra = headers or []
    if refusal.code in (Code.UNAVAILABLE, Code.OVERLOADED):
        extra.append((b"retry-after", RETRY_AFTER_SECONDS))
    elif refusal.code == Code.UNAUTHENTICATED:
        extra.append((b"www-authenticate", b"Bearer"))
    elif refusal.code == Code.PAYLOAD_TOO_LARGE:
        # What is left of the body is not read.
        extra.append((b"connection", b"close"))
    if isinstance(refusal, _MethodNotAllowed):
        extra.append((b"allow", refusal.allow.encode()))
    return Reply(refusal.code, body, extra)
