"""What the application layer's end keeps of a connection and of its requests, and when it forgets it."""

import asyncio

import pytest
import structlog

from shillings.contract import shillings_pb2 as wire
from shillings.contract.shillings_pb2 import Request
from shillings.wire import server as server_module
from shillings.wire.framing import frame
from shillings.wire.server import UNREAD_BYTES_MAX, UNREAD_SECONDS_MAX, AppConnection
from tests.unit.wire.ends import App, Timers, Wire, request


def made(app: App) -> tuple[AppConnection, Wire, Timers]:
    """A connection that was just accepted."""
    connection, transport = AppConnection(app, set()), Wire()
    timers = Timers(connection)
    connection.connection_made(transport)
    return connection, transport, timers


def ask(connection: AppConnection, *requests: Request) -> None:
    """The web server asks."""
    connection.data_received(b"".join(frame(one.SerializeToString()) for one in requests))


async def settle() -> None:
    """Let the event loop do all that it can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_peer_that_does_not_read_is_not_read_from_and_then_cut_off() -> None:
    """Answers that pile up stop the reading; after a while the connection is broken off, and not closed politely."""
    connection, transport, timers = made(App())
    assert transport.unread_bytes_max == UNREAD_BYTES_MAX
    connection.pause_writing()
    assert transport.done == ["pause"]
    assert timers.running == [UNREAD_SECONDS_MAX]
    timers.run_out()

    assert transport.done == ["pause", "abort"]


async def test_peer_that_reads_again_is_forgiven() -> None:
    """Once the pile is read the peer is read from again, and the time it had taken is forgotten."""
    connection, transport, timers = made(App())
    for _ in range(2):
        connection.pause_writing()
        connection.resume_writing()

    assert transport.done == ["pause", "resume"] * 2
    assert timers.running == []


async def test_connection_that_is_closing_is_not_read_from_again() -> None:
    """What a peer reads while its connection is being closed buys it no further request."""
    connection, transport, _ = made(App())
    connection.pause_writing()
    connection.close()
    connection.resume_writing()

    assert transport.done == ["pause", "close"]


async def test_connection_that_is_gone_leaves_nothing_behind() -> None:
    """After a loss no timer runs, nothing is logged later, and what was in flight is cancelled."""
    app = App()
    connection, _, timers = made(app)
    ask(connection, request(b"x", 1))
    connection.data_received(b"\0\0\0\x10half")
    await settle()
    connection.pause_writing()
    assert len(timers.running) == 2
    with structlog.testing.capture_logs() as logs:
        connection.connection_lost(None)
        timers.run_out()
        await settle()

    assert logs == []
    assert app.cancelled == [b"x"]


async def test_answered_requests_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection may carry any number of requests one after the other; only those in flight are counted."""
    monkeypatch.setattr(server_module, "IN_FLIGHT_MAX", 2)
    app = App()
    app.let_all()
    connection, transport, _ = made(app)
    for number in range(1, 7):
        ask(connection, request(b"%d" % number, number))
        await settle()

    assert [(one.id, one.code) for one in transport.responses] == [(number, wire.OK) for number in range(1, 7)]


async def test_surplus_says_whose_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer to one request too many carries that request's id, and leaves those in flight alone."""
    monkeypatch.setattr(server_module, "IN_FLIGHT_MAX", 1)
    app = App()
    connection, transport, _ = made(app)
    ask(connection, request(b"first", 7), request(b"surplus", 9))
    await settle()
    app.let_all()
    await settle()

    assert [(one.id, one.code) for one in transport.responses] == [(9, wire.OVERLOADED), (7, wire.OK)]


async def test_connections_keep_their_requests_apart() -> None:
    """Two web servers may use the same ids."""
    app = App()
    one, other = made(app), made(app)
    ask(one[0], request(b"one", 1))
    ask(other[0], request(b"other", 1))
    await settle()
    app.let_all()
    await settle()

    assert [[answer.data for answer in transport.responses] for _, transport, _ in (one, other)] == [
        [b"one"],
        [b"other"],
    ]


async def test_draining_server_refuses_what_is_new_while_it_finishes() -> None:
    """While something is in flight and after it, whatever comes after the notice is refused and not executed."""
    app = App()
    connection, transport, _ = made(app)
    ask(connection, request(b"begun", 1))
    await settle()
    draining = asyncio.ensure_future(connection.drain())
    await settle()
    ask(connection, request(b"new", 2))
    await settle()
    app.let_all()
    await draining

    assert [(one.id, one.code) for one in transport.responses] == [
        (0, wire.UNAVAILABLE),
        (2, wire.UNAVAILABLE),
        (1, wire.OK),
    ]
    assert transport.done == ["close"]
    assert app.seen == [b"begun"]


async def test_answer_for_a_connection_that_is_closing_is_dropped() -> None:
    """An answer that is ready after its connection was closed goes nowhere, and disturbs nobody."""
    app = App()
    connection, transport, _ = made(app)
    ask(connection, request(b"x", 1))
    await settle()
    connection.close()
    app.let_all()
    await settle()

    assert transport.responses == []
