"""The request log as an event stream, against clients that read slowly, leave, or are too many."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from shillings.base.errors import OutcomeUnknown, Unavailable
from shillings.contract import shillings_pb2 as wire
from shillings.web import delivery, following
from shillings.web.delivery import TRANSPORT
from shillings.web.following import LISTENERS_MAX
from shillings.web.site import Site
from tests.unit.web.asking import Answer, FakeApp, ask, web_of

PATH = "/v1/sandbox/requests/stream"
HOST = (b"host", b"localhost")
TURNS_MAX = 20_000


class Pages:
    """An application layer that answers with these pages, and then with the last one again."""

    def __init__(self, *pages: wire.FollowRequestsAnswer | Exception | int) -> None:
        self._pages = [*pages]
        self.cursors: list[str] = []

    def answer(self, request: wire.Request) -> wire.Response | Exception:
        """One page."""
        if request.command != wire.RQF:
            return wire.Response()
        self.cursors.append(wire.FollowRequestsRequest.FromString(request.data).cursor)
        page = self._pages.pop(0) if len(self._pages) > 1 else self._pages[0]
        if isinstance(page, Exception):
            return page
        if isinstance(page, int):
            return wire.Response(code=page, message="No.")  # type: ignore[arg-type]
        return wire.Response(data=page.SerializeToString())


class Listener:
    """A client of the stream, without HTTP."""

    def __init__(self, site: Site, *, reads: bool = True, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        self.sent: list[dict[str, Any]] = []
        self.aborted = False
        self._gone = asyncio.Event()
        self._room = asyncio.Event()
        if reads:
            self._room.set()
        self._asked = False
        scope = {
            "type": "http", "method": "GET", "path": PATH, "query_string": b"", "headers": [HOST, *headers],
            "state": {TRANSPORT: self},
        }  # fmt: skip
        self.task = asyncio.ensure_future(site(scope, self._receive, self._send))

    def abort(self) -> None:
        """Part of a transport."""
        self.aborted = True

    def leave(self) -> None:
        """Close the connection."""
        self._gone.set()

    @property
    def text(self) -> str:
        """What was sent of the body."""
        return b"".join(one.get("body", b"") for one in self.sent).decode()

    @property
    def data(self) -> list[Any]:
        """The events' data."""
        return [json.loads(line[6:]) for line in self.text.splitlines() if line.startswith("data: ")]

    async def until(self, come: Callable[[], bool]) -> None:
        """Return when something has come."""
        for _ in range(TURNS_MAX):
            if come():
                return
            await asyncio.sleep(0.0005)
        pytest.fail("it has not come")

    async def _receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.body":
            await self._room.wait()
        self.sent.append(message)


def page(cursor: str, *keys: str, missed: int = 0, restarted: bool = False) -> wire.FollowRequestsAnswer:
    """A page of the log; its requests are numbered from 1."""
    requests = [
        wire.LoggedRequest(number=number, idempotency_key=key, body="{}", answer="{}")
        for number, key in enumerate(keys, start=1)
    ]
    return wire.FollowRequestsAnswer(requests=requests, cursor=cursor, missed=missed, restarted=restarted)


def site_of(*pages: wire.FollowRequestsAnswer | Exception | int, key: str = "") -> tuple[Site, Pages]:
    """A web layer with a sandbox, before an application layer that has these pages."""
    made = Pages(*pages)
    return web_of(FakeApp(made.answer), sandbox=True, sandbox_key=key), made


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits here."""
    monkeypatch.setattr(following, "POLL_SECONDS", 0.001)
    monkeypatch.setattr(delivery, "LAST_PIECE_SECONDS", 0.01)


async def test_each_request_is_an_event_with_an_id() -> None:
    """Events have the request as JSON, and an id that the client may come back with; the next page goes on after it."""
    site, pages = site_of(page("ab-0"), page("ab-2", "one", "two"), page("ab-2"))
    listener = Listener(site)
    await listener.until(lambda: len(pages.cursors) > 3)
    listener.leave()
    await listener.task

    assert [one["idempotency_key"] for one in listener.data] == ["one", "two"]
    assert listener.text.startswith("retry: 1000\n\nid: ab-1\ndata: {")
    assert "\n\nid: ab-2\ndata: {" in listener.text
    assert pages.cursors[:4] == ["", "ab-0", "ab-2", "ab-2"]
    head = dict(listener.sent[0]["headers"])
    assert head[b"content-type"] == b"text/event-stream"
    assert (head[b"x-accel-buffering"], head[b"cache-control"]) == (b"no", b"no-store")
    assert b"content-length" not in head


async def test_client_that_comes_back_goes_on() -> None:
    """The id that a browser has seen last is where the first page begins."""
    site, pages = site_of(page("ab-7"))
    listener = Listener(site, headers=((b"last-event-id", b"ab-5"),))
    await listener.until(lambda: len(pages.cursors) > 1)
    listener.leave()
    await listener.task

    assert pages.cursors[:2] == ["ab-5", "ab-7"]


async def test_what_cannot_be_told_is_told() -> None:
    """A gap and a new beginning are events of their own."""
    site, _ = site_of(page("ab-9", "one", missed=3), page("cd-0", restarted=True))
    listener = Listener(site)
    await listener.until(lambda: "restarted" in listener.text)
    listener.leave()
    await listener.task

    assert 'event: missed\ndata: {"missed":3}\n\nid: ab-1\n' in listener.text
    assert "event: restarted\ndata: {}\n\n" in listener.text


async def test_silence_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing happens, comments keep the connection; their id moves on with what the filters leave out."""
    monkeypatch.setattr(following, "HEARTBEAT_SECONDS", 0.0)
    site, _ = site_of(page("ab-4"))
    listener = Listener(site)
    await listener.until(lambda: ": still here" in listener.text)
    listener.leave()
    await listener.task

    assert ": still here\nid: ab-4\n\n" in listener.text


@pytest.mark.parametrize("failure", [Unavailable(), OutcomeUnknown(), wire.OVERLOADED, wire.TIMEOUT])
async def test_application_server_that_comes_back_is_waited_for(failure: Exception | int) -> None:
    """While none answers, the stream lasts, and goes on where it was."""
    site, pages = site_of(page("ab-1", "one"), failure, failure, page("ab-2", "two"), page("ab-2"))
    listener = Listener(site)
    await listener.until(lambda: len(listener.data) == 2)
    listener.leave()
    await listener.task

    assert pages.cursors[:4] == ["", "ab-1", "ab-1", "ab-1"]


async def test_stream_that_is_refused_ends() -> None:
    """Where there will be no page any more, the stream ends, and the client may ask why."""
    site, _ = site_of(page("ab-1"), wire.UNAUTHENTICATED)
    listener = Listener(site)
    await listener.task

    assert listener.sent[-1] == {"type": "http.response.body", "body": b""}


async def test_server_that_stops_ends_its_streams() -> None:
    """They end as streams should, so that their clients come back to another server."""
    site, pages = site_of(page("ab-1"))
    listener = Listener(site)
    await listener.until(lambda: len(pages.cursors) > 1)
    site.let_go()
    await listener.task

    assert listener.sent[-1] == {"type": "http.response.body", "body": b""}
    assert not listener.aborted


@pytest.mark.parametrize("how", ["stops", "waits"])
async def test_client_that_does_not_read_is_cut_off(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked nothing more for, and its connection is aborted: after a while, and when the server stops."""
    if how == "waits":
        monkeypatch.setattr(delivery, "UNREAD_SECONDS_MAX", 0.01)
    site, pages = site_of(page("ab-1", *[f"k{number}" for number in range(50)]))
    listener = Listener(site, reads=False)
    await listener.until(lambda: bool(listener.sent))
    if how == "stops":
        await asyncio.sleep(0.01)
        site.let_go()
    await listener.task

    assert listener.aborted
    assert pages.cursors == [""]


async def test_listeners_are_bounded() -> None:
    """One too many is refused, and finds room when another has left."""
    site, _ = site_of(page("ab-1"))
    listeners = [Listener(site) for _ in range(LISTENERS_MAX)]
    for one in listeners:
        await one.until(lambda one=one: bool(one.text))  # type: ignore[misc]
    surplus = await ask(site, "GET", PATH, headers=(HOST,))
    listeners[0].leave()
    await listeners[0].task
    late = Listener(site)
    await late.until(lambda: bool(late.text))
    for one in (*listeners, late):
        one.leave()
        await one.task

    assert surplus.outcome == (503, "overloaded")
    assert "listeners" in surplus.body["status"]["message"]


async def test_who_accepts_only_json_gets_a_page() -> None:
    """One page with its cursor, as an answer like any other."""
    site, _ = site_of(page("ab-2", "one", "two", missed=1))
    answer: Answer = await ask(site, "GET", PATH, headers=(HOST, (b"accept", b"application/json")))

    assert answer.outcome == (200, "ok")
    assert [one["number"] for one in answer.body["requests"]] == [1, 2]
    assert (answer.body["cursor"], answer.body["missed"], answer.body["restarted"]) == ("ab-2", 1, False)


@pytest.mark.parametrize(
    ("headers", "query", "key", "outcome"),
    [
        ((), b"", "", (403, "forbidden")),
        ((HOST, (b"origin", b"http://evil.example")), b"", "", (403, "forbidden")),
        ((HOST, (b"sec-fetch-site", b"cross-site")), b"", "", (403, "forbidden")),
        ((HOST,), b"", "a-key-of-the-sandbox", (401, "unauthenticated")),
        ((HOST, (b"last-event-id", b"latest")), b"", "", (400, "invalid_request")),
        ((HOST, (b"last-event-id", b"ab-1\xff")), b"", "", (400, "invalid_request")),
        ((HOST,), b"colour=red", "", (400, "invalid_request")),
        ((HOST,), b"endpoint=/v2/pay", "", (400, "invalid_request")),
    ],
    ids=["name", "origin", "site", "key", "id", "id not ASCII", "field", "endpoint"],
)
async def test_stream_is_as_guarded_as_the_rest(
    headers: tuple[tuple[bytes, bytes], ...], query: bytes, key: str, outcome: tuple[int, str]
) -> None:
    """Whoever may not read the log may not follow it, and what is malformed is refused before anything is streamed."""
    site, pages = site_of(page("ab-1"), key=key)
    answer = await ask(site, "GET", PATH, headers=headers, query=query)

    assert answer.outcome == outcome
    assert pages.cursors == []
