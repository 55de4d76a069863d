"""The API: find the endpoint's row, read the request, send the command, make the reply."""

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple
from urllib.parse import unquote

import msgspec

from shillings.base.errors import Code, OutcomeUnknown, Refusal, Unavailable
from shillings.base.money import Currency
from shillings.contract import shillings_pb2 as wire
from shillings.contract.commands import Auth, Effect
from shillings.telemetry.tracing import Tracing
from shillings.web.addresses import Proxies
from shillings.web.asgi import Headers
from shillings.web.conversion import Fields, fields_reader, message_maker
from shillings.web.credentials import find_bearer, find_token
from shillings.web.endpoints import ENDPOINTS, Cookie, Endpoint
from shillings.web.following import Followers, go_on_from, wants_stream
from shillings.web.replies import OK, MethodNotAllowed, Reply, encode, refusal_reply
from shillings.web.requests import (
    RequestHeaders,
    decode_body,
    decode_query,
    find_idempotency_key,
    find_trace,
)
from shillings.web.sandbox import SandboxEdge, note_refusal, touched
from shillings.web.site import Incoming
from shillings.wire.client import AppClient

LOG_IN_HINT = "POST /v1/login, then send the cookie or the Bearer token."


class Route(NamedTuple):
    """A row made ready to run.

    Args:
        endpoint: the row.
        pattern: what a path with parameters must match.
        decode: reads the body; None where there is none.
        make_message: body, query and path parameters become the command's message.
        read_answer: the answer's message becomes JSON fields.
    """

    endpoint: Endpoint
    pattern: re.Pattern[str]
    decode: Callable[[bytes], Any] | None
    make_message: Callable[[Any, Any, dict[str, str]], bytes]
    read_answer: Callable[[Any], Fields]


Methods = dict[str, Route]


class Api:
    """The endpoints.

    Args:
        client: the way to the application layer.
        currency: how amounts are written.
        cookie_name: the name of the session's cookie.
        cookie_secure: whether the cookie is for TLS only.
        timeout_s: how long a request may take.
        tracing: makes a span for each request.
        sandbox: the sandbox's parts; None when it is off.
        endpoints: the rows.
        proxies: whom to believe where a client is.
    """

    def __init__(
        self,
        *,
        client: AppClient,
        currency: Currency,
        cookie_name: str,
        cookie_secure: bool,
        timeout_s: float,
        tracing: Tracing,
        sandbox: SandboxEdge | None = None,
        endpoints: Iterable[Endpoint] = ENDPOINTS,
        proxies: Proxies | None = None,
    ) -> None:
        self._client = client
        self._currency = str(currency)
        self._cookie_name = cookie_name.encode()
        self._timeout_s = timeout_s
        self._tracing = tracing
        self._sandbox = sandbox
        self._proxies = proxies or Proxies()
        self._cookie_end = b"; Path=/; HttpOnly; SameSite=Strict" + (b"; Secure" if cookie_secure else b"")
        self._followers = Followers(client, timeout_s)
        self._plain: dict[str, Methods] = {}
        self._with_parameters: dict[str, Methods] = {}
        for endpoint in endpoints:
            routes = self._with_parameters if "{" in endpoint.path else self._plain
            routes.setdefault(endpoint.path, {})[endpoint.method] = _route(endpoint, currency)

    async def reply(self, incoming: Incoming) -> Reply:
        """Reply to one request. Raises Refusal."""
        if self._sandbox is None:
            return await self._reply(incoming)
        try:
            return await self._reply(incoming)
        except Refusal as refusal:
            # Refused here, or lost on its way: the request log would not know.
            note_refusal(self._client, incoming, refusal)
            raise

    async def _reply(self, incoming: Incoming) -> Reply:
        methods, parameters = self._find(incoming.path)
        incoming.route = next(iter(methods.values())).endpoint.path
        route = methods.get("GET" if incoming.method == "HEAD" else incoming.method)
        if route is None:
            raise MethodNotAllowed(methods)
        endpoint = route.endpoint
        command = endpoint.command
        sandbox_options = None
        if self._sandbox is not None:
            if command.auth is Auth.SANDBOX:
                self._sandbox.guard.check(incoming.headers)
            else:
                sandbox_options = self._sandbox.options(incoming.headers)
        # Under overload the surplus is refused before any work is done for it.
        self._client.require_room()
        body = None
        if route.decode is not None:
            body = decode_body(route.decode, await incoming.read_body(), incoming.headers)
        query = decode_query(endpoint.query, incoming.query)
        if endpoint.streams:
            query = go_on_from(query, incoming.headers)
        request = wire.Request(
            command=command.number,  # type: ignore[arg-type]
            data=route.make_message(body, query, parameters),
            token=self._find_token(command.auth, incoming.headers),
            idempotency_key=find_idempotency_key(incoming.headers) if command.takes_key else "",
            request_id=incoming.request_id.decode(),
            currency=self._currency,
            sandbox_options=sandbox_options,
        )
        if command.auth is Auth.NONE:
            forwarded = incoming.headers.get(b"x-forwarded-for", b"")
            request.address = self._proxies.client_of(incoming.address, forwarded)
        with self._tracing.span(endpoint.path, find_trace(incoming.headers)) as trace:
            request.trace = trace
            response = await self._ask(request, command.effect)
            if self._sandbox is not None and await self._sandbox.hold_back(response, request.sandbox_options):
                response = await self._ask(request, command.effect)
        if endpoint.streams and response.code == wire.OK and wants_stream(incoming):
            return self._followers.follow(request, response, route.read_answer)
        reply = self._answer(route, response)
        return touched(reply, response) if response.fault_applied else reply

    def _find_token(self, auth: Auth, headers: RequestHeaders) -> str:
        if auth is Auth.SESSION:
            return find_token(headers, self._cookie_name)
        # The sandbox's key is never taken from a cookie: browsers send those by themselves.
        return find_bearer(headers) if auth is Auth.SANDBOX else ""

    def _find(self, path: str) -> tuple[Methods, dict[str, str]]:
        """The endpoints at a path, and the path's parameters. Raises Refusal."""
        methods = self._plain.get(path)
        if methods is not None:
            return methods, {}
        for methods in self._with_parameters.values():
            match = next(iter(methods.values())).pattern.fullmatch(path)
            if match is not None:
                return methods, {name: unquote(text) for name, text in match.groupdict().items()}
        raise Refusal(Code.NOT_FOUND, "There is nothing at this path. /openapi.json lists what there is.")

    async def _ask(self, request: wire.Request, effect: Effect) -> wire.Response:
        try:
            return await self._client.call(request, self._timeout_s)
        except OutcomeUnknown:
            if effect is Effect.READ:
                # A read changes nothing, so there is nothing unknown about it.
                raise Unavailable from None
            raise

    def _answer(self, route: Route, response: wire.Response) -> Reply:
        endpoint = route.endpoint
        if response.code != wire.OK:
            return refusal_reply(_refusal(endpoint, response))
        headers: Headers = [(b"idempotent-replayed", b"true")] if response.replayed else []
        message: Any = endpoint.command.answer.FromString(response.data)
        if endpoint.cookie is Cookie.SET:
            headers.append(self._cookie(message.token, message.lifetime_s))
        elif endpoint.cookie is Cookie.CLEAR:
            headers.append(self._cookie("", 0))
        fields = route.read_answer(message)
        fields["status"] = OK
        return Reply(200, encode(fields), headers)

    def _cookie(self, token: str, lifetime_s: int) -> tuple[bytes, bytes]:
        return b"set-cookie", b"%s=%s; Max-Age=%d" % (self._cookie_name, token.encode(), lifetime_s) + self._cookie_end


def _refusal(endpoint: Endpoint, response: wire.Response) -> Refusal:
    """A response's refusal, with what only the web layer knows: where one logs in."""
    message = response.message
    if response.code == wire.UNAUTHENTICATED and endpoint.command.auth is Auth.SESSION:
        message = f"{message} {LOG_IN_HINT}"
    return Refusal(
        Code(response.code),
        message,
        field=response.field,
        retry_after_s=response.retry_after_s if response.HasField("retry_after_s") else None,
        replayed=response.replayed,
    )


def _route(endpoint: Endpoint, currency: Currency) -> Route:
    return Route(
        endpoint,
        re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]{1,100})", re.escape(endpoint.path))),
        None if endpoint.body is None else msgspec.json.Decoder(endpoint.body).decode,
        message_maker(endpoint, currency),
        fields_reader(endpoint.answer, endpoint.command.answer, currency),
    )
