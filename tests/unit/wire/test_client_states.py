"""What the web layer's end keeps of a connection and of its requests, and when it forgets it."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest
import structlog

from shillings.base.errors import DeadlineExceeded, OutcomeUnknown, Overloaded, Unavailable
from shillings.contract.shillings_pb2 import Response
from shillings.wire import client as client_module
from shillings.wire.address import Address
from shillings.wire.client import RECONNECT_SECONDS_MAX, RECONNECT_SECONDS_MIN, SWEEP_SECONDS, AppClient, WebConnection
from shillings.wire.framing import frame
from tests.unit.wire.ends import FOREVER, App, Wire, address_in, client_of, connected, listening, request, until


def made() -> WebConnection:
    """A connection that was just made."""
    connection = WebConnection()
    connection.connection_made(Wire())
    return connection


def says(connection: WebConnection, identifier: int) -> None:
    """The server answers; 0 says that it drains."""
    connection.data_received(frame(Response(id=identifier, message="x").SerializeToString()))


async def test_request_is_given_up_after_its_deadline_and_not_at_it() -> None:
    """A request has its whole time; the first sweep after that gives it up and frees its place."""
    connection = made()
    asked = connection.call(request(b"x"), 10.0)
    connection.sweep(10.0)
    assert not asked.done()
    connection.sweep(10.001)

    assert connection.in_flight == 0
    with pytest.raises(DeadlineExceeded):
        await asked


async def test_caller_who_left_frees_its_place_and_accuses_nobody() -> None:
    """A request whose caller is gone is forgotten at the next sweep, and its server is not taken for a silent one."""
    connection = made()
    early, late = connection.call(request(b"x"), 10.0), connection.call(request(b"y"), 10.0)
    early.cancel()
    connection.sweep(5.0)
    assert connection.in_flight == 1
    late.cancel()
    connection.sweep(20.0)

    assert connection.burden == (False, 0)


async def test_silence_lasts_until_something_is_heard() -> None:
    """A server that let a deadline pass stays silent, however often it is looked at or asked, until it says a word."""
    connection = made()
    overdue = connection.call(request(b"x"), 10.0)
    connection.sweep(11.0)
    connection.sweep(12.0)
    connection.call(request(b"y"), 20.0)
    assert connection.burden == (True, 1)
    says(connection, 1)

    assert connection.burden == (False, 1)
    assert isinstance(overdue.exception(), DeadlineExceeded)


async def test_draining_lasts_until_the_end() -> None:
    """A server that has said that it drains gets nothing new, whatever it still answers."""
    connection = made()
    asked = connection.call(request(b"x"), 10.0)
    says(connection, 0)
    says(connection, 1)

    assert (await asked).message == "x"
    assert not connection.usable


async def test_connection_that_is_closing_is_not_used() -> None:
    """From the moment at which a connection is being closed nothing is sent on it."""
    connection = made()
    assert connection.usable
    connection.close()
    assert not connection.usable


async def test_connection_that_was_lost_keeps_nothing() -> None:
    """After a loss every caller knows that the outcome is not known, and none is kept."""
    connection = made()
    waits, left = connection.call(request(b"x"), 10.0), connection.call(request(b"y"), 10.0)
    left.cancel()
    connection.connection_lost(OSError("reset"))

    assert isinstance(waits.exception(), OutcomeUnknown)
    assert connection.in_flight == 0
    assert await connection.closed == "reset"
    assert not connection.usable


async def test_each_request_has_its_own_deadline(tmp_path: Path) -> None:
    """A request that may take long does not lend its time to the next one, nor take its time from it."""
    app, address = App(), address_in(tmp_path)
    async with listening(app, address), client_of(address) as client:
        await connected(client)
        patient, hasty = client.call(request(b"patient"), FOREVER), client.call(request(b"hasty"), 0.01)
        with pytest.raises(DeadlineExceeded):
            await asyncio.wait_for(hasty, 5)
        app.let(b"patient")

        assert (await patient).data == b"patient"


async def test_room_is_each_connections_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two servers carry twice as many requests as one; whether there is room can be asked beforehand."""
    monkeypatch.setattr(client_module, "IN_FLIGHT_MAX", 1)
    app, there, here = App(), address_in(tmp_path, "one"), address_in(tmp_path, "two")
    async with client_of(there, here) as client:
        with pytest.raises(Unavailable):
            client.require_room()
        async with listening(app, there), listening(app, here):
            await connected(client, 2)
            calls = [client.call(request(b"1"), FOREVER)]
            client.require_room()
            calls.append(client.call(request(b"2"), FOREVER))
            with pytest.raises(Overloaded):
                client.require_room()
            await until(lambda: len(app.seen) == 2)
            app.let_all()
            await asyncio.gather(*calls)


async def test_servers_that_are_equally_free_take_turns(tmp_path: Path) -> None:
    """Requests that come one after the other go to one server and to the other."""
    apps, addresses = [App(), App()], [address_in(tmp_path, "one"), address_in(tmp_path, "two")]
    for app in apps:
        app.let_all()
    async with client_of(*addresses) as client, listening(apps[0], addresses[0]), listening(apps[1], addresses[1]):
        await connected(client, 2)
        for number in range(6):
            await client.call(request(b"%d" % number), FOREVER)

    assert [len(app.seen) for app in apps] == [3, 3]


class Scripted:
    """An address: each attempt to connect does what the script says next, and the last word is the test's end."""

    def __init__(self, *script: str) -> None:
        self._script: Iterator[str] = iter(script)
        self.over = asyncio.Event()

    def __str__(self) -> str:
        return "scripted"

    async def connect(self, protocol: Callable[[], asyncio.Protocol]) -> None:
        """Refuse, or make a connection that is lost at once."""
        word = next(self._script, "over")
        if word == "over":
            self.over.set()
            await asyncio.Event().wait()
        if word == "refuse":
            raise ConnectionRefusedError(111, "refused")
        connection = protocol()
        connection.connection_made(Wire())
        asyncio.get_running_loop().call_soon(connection.connection_lost, None)


async def follow(monkeypatch: pytest.MonkeyPatch, *script: str) -> tuple[AppClient, list[float], list[str]]:
    """Let a client follow a script. Returns it, stopped; its pauses between attempts; and what it logged."""
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        if seconds != SWEEP_SECONDS:
            pauses.append(seconds)
        await sleep(0)

    address = Scripted(*script)
    client = AppClient([cast(Address, address)])
    monkeypatch.setattr(asyncio, "sleep", noted)
    with structlog.testing.capture_logs() as logs:
        async with client:
            await asyncio.wait_for(address.over.wait(), 5)
    return client, pauses, [str(line["event"]) for line in logs]


async def test_pauses_grow_up_to_a_longest_and_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that stays down is tried more and more seldom, and not by all of its clients at the same moment."""
    _, pauses, _ = await follow(monkeypatch, *["refuse"] * 30)

    assert pauses[0] <= RECONNECT_SECONDS_MIN
    assert all(RECONNECT_SECONDS_MAX / 2 <= pause <= RECONNECT_SECONDS_MAX for pause in pauses[-20:])
    assert len(set(pauses[-20:])) > 10


async def test_server_that_was_back_is_tried_soon_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long a server was down is forgotten once it was there: after the next loss the pauses begin short."""
    _, pauses, _ = await follow(monkeypatch, *["refuse"] * 30, "connect", "refuse")

    assert pauses[-1] <= RECONNECT_SECONDS_MIN


async def test_absence_is_logged_once_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log says when a server is first missed, not at every attempt, and says it again when it is missed again."""
    _, _, events = await follow(monkeypatch, *["refuse"] * 3, "connect", *["refuse"] * 3)

    assert events == ["app_unreachable", "app_connected", "app_connection_lost", "app_unreachable"]


async def test_lost_connections_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that has lost a connection many times remembers none of them."""
    client, _, events = await follow(monkeypatch, *["connect"] * 10)

    assert events.count("app_connection_lost") == 10
    assert client._connections == []
