"""Every answer has the one JSON shape, the request's id and the security headers, whatever went wrong."""

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from shillings.base import ids
from shillings.base.errors import Code, DeadlineExceeded, OutcomeUnknown, Overloaded, Unavailable
from shillings.contract import shillings_pb2 as wire
from shillings.contract.commands import Effect
from shillings.web import openapi, shapes
from shillings.web.endpoints import ENDPOINTS, Endpoint
from shillings.web.statuses import HTTP_STATUS
from tests.unit.web.asking import JSON, Answer, FakeApp, ask, web_of

SECURITY = {
    "content-type": "application/json",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
}
PAY: dict[str, object] = {"receiver_email": "bob@example.com", "amount": "12.50"}
LOGIN = {"email": "ann@example.com", "password": "correct horse"}
SCHEMAS: dict[str, dict[str, Any]] = openapi.document()["components"]["schemas"]


def has_its_shape(answer: Answer) -> None:
    """What every refusal must have, and nothing more."""
    assert answer.body.keys() == {"status"}
    assert answer.body["status"].keys() - {"field"} == {"code", "message"}
    assert answer.body["status"].get("field") != ""
    assert answer.body["status"]["message"].endswith((".", "?"))
    assert SECURITY.items() <= answer.headers.items()
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", answer.headers["x-request-id"])
    assert "set-cookie" not in answer.headers


def example(body: type[shapes.Body]) -> dict[str, object]:
    """A body of the examples that the document has for its fields."""
    properties = SCHEMAS[body.__name__]["properties"]
    return {name: field["examples"][0] for name, field in properties.items() if "examples" in field}


async def ask_endpoint(app: FakeApp, endpoint: Endpoint) -> Answer:
    """A proper request to an endpoint."""
    body = example(endpoint.body) if endpoint.body else None
    path = re.sub("{.*?}", str(UUID(int=1)), endpoint.path)
    return await ask(web_of(app, sandbox=True), endpoint.method, path, body, headers=((b"host", b"localhost"),))


ERRORS = {
    "not found": ("GET", "/nothing", b"", (), (404, "not_found")),
    "encoded path": ("GET", "/v1/account/", b"", (), (404, "not_found")),
    "method": ("DELETE", "/v1/pay", b"", (), (405, "method_not_allowed")),
    "method of a document": ("POST", "/openapi.json", b"{}", (JSON,), (405, "method_not_allowed")),
    "method of health": ("TRACE", "/healthz", b"", (), (405, "method_not_allowed")),
    "too large": ("POST", "/v1/pay", b" " * 65_537, (JSON,), (413, "payload_too_large")),
    "media type": (
        "POST",
        "/v1/pay",
        b"amount=1",
        ((b"content-type", b"text/plain"),),
        (415, "unsupported_media_type"),
    ),
    "no media type": ("POST", "/v1/pay", b"{}", (), (415, "unsupported_media_type")),
    "no JSON": ("POST", "/v1/pay", b"{", (JSON,), (400, "invalid_request")),
    "no object": ("POST", "/v1/pay", b"[]", (JSON,), (400, "invalid_request")),
    "deep": ("POST", "/v1/pay", b"[" * 60_000, (JSON,), (400, "invalid_request")),
    "no UTF-8": ("POST", "/v1/pay", b'{"receiver_email":"\xff","amount":1}', (JSON,), (400, "invalid_request")),
    "missing field": ("POST", "/v1/pay", b'{"amount":1}', (JSON,), (400, "invalid_request")),
    "unknown field": ("POST", "/v1/topup", b'{"amount":1,"balance":9}', (JSON,), (400, "invalid_request")),
    "no amount": ("POST", "/v1/topup", b'{"amount":"1e3"}', (JSON,), (400, "invalid_request")),
    "empty key": ("POST", "/v1/topup", b'{"amount":1}', (JSON, (b"idempotency-key", b"")), (400, "invalid_request")),
    "spaced key": (
        "POST",
        "/v1/topup",
        b'{"amount":1}',
        (JSON, (b"idempotency-key", b"a b")),
        (400, "invalid_request"),
    ),
}


@pytest.mark.parametrize(("method", "path", "content", "headers", "outcome"), ERRORS.values(), ids=ERRORS)
async def test_error_has_the_one_shape(
    method: str, path: str, content: bytes, headers: tuple[tuple[bytes, bytes], ...], outcome: tuple[int, str]
) -> None:
    """What is refused at the edge has the one shape, and never reaches the application layer."""
    app = FakeApp()
    answer = await ask(web_of(app), method, path, content=content, headers=headers)

    assert answer.outcome == outcome
    has_its_shape(answer)
    assert app.seen == []


@pytest.mark.parametrize(
    "query", [b"limit=0", b"limit=101", b"limit=x", b"limit", b"page=2", b"cursor=%ff\xff", b"limit=5&limit=5"]
)
async def test_wrong_query_is_refused(query: bytes) -> None:
    """A query of the wrong form, or with an unknown name, is refused."""
    answer = await ask(web_of(FakeApp()), "GET", "/v1/transactions", query=query)

    assert answer.outcome == (400, "invalid_request")
    has_its_shape(answer)


@pytest.mark.parametrize("code", [code for code in Code if code is not Code.OK])
async def test_codes_become_their_statuses(code: Code) -> None:
    """Every code of the application layer goes out with its HTTP status, its word and its sentence."""
    app = FakeApp(lambda _request: wire.Response(code=int(code), message="It is so."))  # type: ignore[arg-type]
    answer = await ask(web_of(app), "POST", "/v1/pay", PAY)

    assert answer.outcome == (HTTP_STATUS[code], code.word)
    assert answer.body["status"]["message"].startswith("It is so.")
    assert ("/v1/login" in answer.body["status"]["message"]) == (code is Code.UNAUTHENTICATED)
    has_its_shape(answer)
    assert ("retry-after" in answer.headers) == (answer.http == 503)
    assert ("www-authenticate" in answer.headers) == (answer.http == 401)
    assert (answer.headers.get("connection") == "close") == (answer.http == 413)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.path)
@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Unavailable, (503, "unavailable")),
        (Overloaded, (503, "overloaded")),
        (DeadlineExceeded, (504, "timeout")),
        (lambda: ZeroDivisionError("secret"), (500, "internal")),
    ],
    ids=["unavailable", "overloaded", "late", "crash"],
)
async def test_error_on_the_way_says_what_it_means(
    endpoint: Endpoint, error: Callable[[], Exception], outcome: tuple[int, str]
) -> None:
    """Errors of the connection, and crashes, become answers on every endpoint, and tell nothing of the inside."""
    answer = await ask_endpoint(FakeApp(lambda _request: error()), endpoint)

    assert answer.outcome == outcome
    has_its_shape(answer)
    assert "secret" not in str(answer.body)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.path)
async def test_lost_connection_is_unknown_only_where_something_may_have_changed(endpoint: Endpoint) -> None:
    """A read that was lost changed nothing, so it is unavailable; a write that was lost is unknown."""
    answer = await ask_endpoint(FakeApp(lambda _request: OutcomeUnknown()), endpoint)

    assert answer.outcome == ((503, "unavailable") if endpoint.command.effect is Effect.READ else (500, "internal"))


@pytest.mark.parametrize("refusal", [Overloaded(), Unavailable()])
async def test_surplus_is_refused_before_work_is_done_for_it(refusal: Exception) -> None:
    """Where nothing could be sent, the body is not even read."""
    app = FakeApp()
    app.refuses = refusal
    answer = await ask(web_of(app), "POST", "/v1/pay", content=b"no JSON", headers=(JSON,))

    assert answer.http == 503
    assert answer.headers["retry-after"] == "1"


async def test_request_is_passed_on() -> None:
    """The command, the message in minor units, the token, the key and the ids reach the application layer."""
    app = FakeApp(
        lambda _request: wire.Response(data=wire.TransactionAnswer(transaction_id=ids.NIL).SerializeToString())
    )
    trace = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    answer = await ask(
        web_of(app),
        "POST",
        "/v1/pay",
        PAY,
        headers=(
            (b"authorization", b"Bearer abc"),
            (b"idempotency-key", b"k-1"),
            (b"x-request-id", b"my.request-1"),
            (b"traceparent", trace),
        ),
    )
    [request] = app.seen

    assert (request.command, request.token, request.idempotency_key) == (wire.PAY, "abc", "k-1")
    assert (request.request_id, request.trace) == ("my.request-1", trace.decode())
    assert wire.PayRequest.FromString(request.data) == wire.PayRequest(
        receiver_email="bob@example.com", amount_minor=1250
    )
    assert answer.body == {"transaction_id": ids.show(ids.NIL), "status": {"code": "ok", "message": "Done."}}
    assert answer.headers["x-request-id"] == "my.request-1"
    assert "idempotent-replayed" not in answer.headers


@pytest.mark.parametrize("code", [wire.OK, wire.INSUFFICIENT_FUNDS])
async def test_replay_is_marked(code: wire.Code) -> None:
    """A stored answer is marked, also when it is a refusal."""
    app = FakeApp(lambda _request: wire.Response(code=code, message="No.", replayed=True))
    answer = await ask(web_of(app), "POST", "/v1/pay", PAY)

    assert answer.headers["idempotent-replayed"] == "true"


async def test_token_and_key_stay_where_they_mean_nothing() -> None:
    """A login is not sent the token of an earlier session, nor a key."""
    app = FakeApp(lambda _request: wire.Response(code=wire.UNAUTHENTICATED, message="No."))
    headers = ((b"cookie", b"token=old"), (b"idempotency-key", b"k"))
    await ask(web_of(app), "POST", "/v1/login", LOGIN, headers=headers)

    assert (app.seen[0].token, app.seen[0].idempotency_key) == ("", "")


@pytest.mark.parametrize("secure", [False, True])
async def test_login_sets_the_cookie_and_logout_clears_it(secure: bool) -> None:
    """The cookie is HttpOnly, SameSite=Strict, for the whole site and, behind TLS, Secure; its life is the token's."""
    login = FakeApp(lambda _r: wire.Response(data=wire.LoginAnswer(token="abc", lifetime_s=60).SerializeToString()))
    end = "; Path=/; HttpOnly; SameSite=Strict" + ("; Secure" if secure else "")
    in_ = await ask(web_of(login, cookie_secure=secure), "POST", "/v1/login", LOGIN)
    out = await ask(web_of(FakeApp(), cookie_secure=secure), "POST", "/v1/logout")

    assert in_.headers["set-cookie"] == f"token=abc; Max-Age=60{end}"
    assert out.headers["set-cookie"] == f"token=; Max-Age=0{end}"
    assert in_.body == {"token": "abc", "lifetime_s": 60, "status": {"code": "ok", "message": "Done."}}
    assert out.body == {"status": {"code": "ok", "message": "Done."}}
    assert ("strict-transport-security" in in_.headers) is secure


@pytest.mark.parametrize("given", [b"", b"a" * 65, b"a b", b"a\r\nx: y", "é".encode(), b"<script>"])
async def test_strange_request_id_is_replaced(given: bytes) -> None:
    """A request id that could forge a header or a log line is not repeated."""
    answer = await ask(web_of(FakeApp()), "GET", "/healthz", headers=((b"x-request-id", given),))

    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])


async def test_health_needs_nobody_and_readiness_the_application_layer() -> None:
    """A web process is alive by itself; it is ready when the application layer says so."""
    app = FakeApp()
    app.refuses = Unavailable()
    not_ready = FakeApp(lambda _request: wire.Response(code=wire.UNAVAILABLE, message="No database."))

    assert (await ask(web_of(app), "GET", "/healthz")).outcome == (200, "ok")
    assert (await ask(web_of(app), "GET", "/readyz")).outcome == (503, "unavailable")
    assert (await ask(web_of(not_ready), "GET", "/readyz")).outcome == (503, "unavailable")
    assert (await ask(web_of(FakeApp()), "GET", "/readyz")).outcome == (200, "ok")


@pytest.mark.parametrize("header", [b"authorization", b"cookie"])
async def test_token_larger_than_a_frame_is_none(header: bytes) -> None:
    """A huge token is not sent on: it would not fit into a frame, and is none of ours."""
    app = FakeApp(lambda _request: wire.Response(code=wire.UNAUTHENTICATED, message="No."))
    value = (b"Bearer " if header == b"authorization" else b"token=") + b"x" * 2_000_000
    answer = await ask(web_of(app), "GET", "/v1/account", headers=((header, value),))

    assert answer.outcome == (401, "unauthenticated")
    assert app.seen[0].token == ""


async def test_paths_nobody_serves_are_counted_as_one() -> None:
    """Whoever asks for a thousand paths that are not there makes one line of metrics, not a thousand."""
    seen: list[tuple[str, str]] = []
    web = web_of(FakeApp(), observe=lambda path, status, _seconds: seen.append((path, status)))
    for path in ("/nothing", "/v1/nothing", "/v1/account", "/healthz"):
        await ask(web, "GET", path)

    assert [path for path, _ in seen] == ["other", "other", "/v1/account", "/healthz"]
    assert [status for _, status in seen][:2] == ["404", "404"]
