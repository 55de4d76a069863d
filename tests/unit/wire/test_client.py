"""The web layer's end: answers find their callers, nothing is sent twice, and every error says what it means."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from shillings.base.errors import DeadlineExceeded, OutcomeUnknown, Overloaded, Unavailable
from shillings.contract.shillings_pb2 import Response
from shillings.wire import client as client_module
from shillings.wire import server as server_module
from shillings.wire.client import AppClient
from tests.unit.wire.ends import FOREVER, App, address_in, client_of, connected, listening, request, until


async def test_answers_are_matched_by_id(tmp_path: Path) -> None:
    """Answers may come in any order; each goes to the caller of its request."""
    app, address = App(), address_in(tmp_path)
    async with listening(app, address), client_of(address) as client:
        await connected(client)
        names = [b"%d" % number for number in range(50)]
        calls = [client.call(request(name), FOREVER) for name in names]
        await until(lambda: len(app.seen) == 50)
        for name in random.Random(1).sample(names, 50):
            app.let(name)

        assert [response.data for response in await asyncio.gather(*calls)] == names


@pytest.mark.parametrize("seed", range(5))
async def test_nobody_gets_the_answer_of_a_caller_who_gave_up(tmp_path: Path, seed: int) -> None:
    """Whoever gives up, whenever: every other caller gets the answer to its own request."""
    chance, app, address = random.Random(seed), App(), address_in(tmp_path)
    async with listening(app, address), client_of(address) as client:
        await connected(client)
        calls: dict[bytes, asyncio.Future[bytes]] = {}
        for number in range(1, 100):
            name = b"%d" % number
            calls[name] = asyncio.ensure_future(_data_of(client.call(request(name), FOREVER)))
            if chance.random() < 0.3:
                await _arrived(app, chance.randrange(number))
            if chance.random() < 0.5:
                gives_up = chance.choice(list(calls))
                calls.pop(gives_up).cancel()
                if gives_up in app.seen:
                    app.let(gives_up)
        app.let_all()

        assert await asyncio.gather(*calls.values()) == list(calls)


async def _arrived(app: App, count: int) -> None:
    await until(lambda: len(app.seen) >= count)


async def _data_of(response: "asyncio.Future[Response]") -> bytes:
    data: bytes = (await response).data
    return data


async def test_late_answer_goes_nowhere(tmp_path: Path) -> None:
    """A request whose deadline passes is given up; its answer, when it comes, disturbs nobody."""
    app, address = App(), address_in(tmp_path)
    async with listening(app, address), client_of(address) as client:
        await connected(client)
        late = client.call(request(b"late"), 0.01)
        with pytest.raises(DeadlineExceeded):
            await late
        assert client.in_flight == 0
        next_one = client.call(request(b"next"), FOREVER)
        await until(lambda: app.seen == [b"late", b"next"])
        app.let(b"late")
        app.let(b"next")

        assert (await next_one).data == b"next"


@asynccontextmanager
async def one_of_two_hangs(folder: Path) -> AsyncIterator[tuple[AppClient, App, App]]:
    """A client, a server that has let a deadline pass in silence, and one that answers."""
    hung, awake = App(), App()
    awake.let_all()
    there, here = address_in(folder, "hung"), address_in(folder, "awake")
    async with listening(hung, there), listening(awake, here), client_of(there, here) as client:
        await connected(client, 2)
        await _deadline_passes(client, hung)
        yield client, hung, awake


async def test_server_that_hangs_is_not_asked_while_another_answers(tmp_path: Path) -> None:
    """One deadline that passes unanswered is enough; every request after it goes to the server that answers."""
    async with one_of_two_hangs(tmp_path) as (client, hung, _):
        answers = [await client.call(request(b"%d" % number), FOREVER) for number in range(50)]

        assert [answer.data for answer in answers] == [b"%d" % number for number in range(50)]
        assert len(hung.seen) == 1


async def test_server_that_hangs_is_not_asked_however_busy_the_other_is(tmp_path: Path) -> None:
    """A server that hangs has nothing in flight, and gets nothing all the same while the other one has much."""
    async with one_of_two_hangs(tmp_path) as (client, hung, awake):
        awake.hold()
        asked = [client.call(request(b"%d" % number), FOREVER) for number in range(5)]
        await until(lambda: b"4" in awake.seen + hung.seen)

        assert len(hung.seen) == 1
        awake.let_all()
        await asyncio.gather(*asked)


async def test_server_that_comes_back_is_asked_again(tmp_path: Path) -> None:
    """Whatever a silent server says, and be it an answer that nobody waits for, it is asked again."""
    async with one_of_two_hangs(tmp_path) as (client, hung, _):
        hung.let_all()
        async with asyncio.timeout(5):
            while b"again" not in hung.seen:
                await client.call(request(b"again"), FOREVER)


async def test_only_server_is_asked_although_it_hangs(tmp_path: Path) -> None:
    """Where there is no better server, a silent one gets the request: it may be back."""
    hung, address = App(), address_in(tmp_path)
    async with listening(hung, address), client_of(address) as client:
        await connected(client)
        await _deadline_passes(client, hung)
        asked = client.call(request(b"again"), FOREVER)
        await until(lambda: b"again" in hung.seen)
        hung.let_all()

        assert (await asked).data == b"again"


async def _deadline_passes(client: AppClient, hung: App) -> None:
    """Ask until a request has reached the server that hangs, and was given up."""
    while not hung.seen:
        asked = client.call(request(b"first"), 0.05)
        with suppress(DeadlineExceeded):
            await asked


async def test_server_is_told_how_long_somebody_waits(tmp_path: Path) -> None:
    """The deadline travels with the request."""
    asked = request(b"x")
    app, address = App(), address_in(tmp_path)
    app.let_all()
    async with listening(app, address), client_of(address) as client:
        await connected(client)
        await client.call(asked, 1.5)

    assert asked.timeout_ms == 1500


async def test_lost_server_means_unknown_for_what_was_sent(tmp_path: Path) -> None:
    """What was in flight when the connection broke is unknown; what comes after was surely not sent."""
    app, address = App(), address_in(tmp_path)
    async with listening(app, address) as server, client_of(address) as client:
        await connected(client)
        sent = [client.call(request(b"%d" % number), FOREVER) for number in range(3)]
        await until(lambda: len(app.seen) == 3)
        for connection in server._connections:
            assert connection._transport is not None
            connection._transport.abort()
        results = await asyncio.gather(*sent, return_exceptions=True)

        assert [type(result) for result in results] == [OutcomeUnknown] * 3
        with pytest.raises(Unavailable):
            client.call(request(b"later"), FOREVER)


async def test_it_reconnects_and_never_sends_again(tmp_path: Path) -> None:
    """After a loss the client comes back by itself, and no request reaches any server twice."""
    first, second, address = App(), App(), address_in(tmp_path)
    async with client_of(address) as client:
        async with listening(first, address) as server:
            await connected(client)
            sent = [client.call(request(b"%d" % number), FOREVER) for number in range(3)]
            await until(lambda: len(first.seen) == 3)
            await server.drain(0.0)
            for connection in list(server._connections):
                assert connection._transport is not None
                connection._transport.abort()
            await asyncio.gather(*sent, return_exceptions=True)
        second.let_all()
        async with listening(second, address):
            await connected(client)
            answer = await client.call(request(b"new"), FOREVER)

    assert answer.data == b"new"
    assert (first.seen, second.seen) == ([b"0", b"1", b"2"], [b"new"])


async def test_pauses_between_attempts_have_a_longest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a server was down, the next attempt to reach it is never far."""
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", noted)
    async with client_of(address_in(tmp_path)):
        while len(pauses) < 100:
            await sleep(0)

    assert max(pauses) <= client_module.RECONNECT_SECONDS_MAX


async def test_it_waits_for_a_server_that_is_not_there_yet(tmp_path: Path) -> None:
    """A client may start before its server: it says unavailable until the server is there."""
    app, address = App(), address_in(tmp_path)
    app.let_all()
    async with client_of(address) as client:
        with pytest.raises(Unavailable):
            client.call(request(b"early"), FOREVER)
        async with listening(app, address):
            await connected(client)

            assert (await client.call(request(b"now"), FOREVER)).data == b"now"
    assert app.seen == [b"now"]


async def test_surplus_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full connection refuses the next request without sending it, and takes one again when one is answered."""
    monkeypatch.setattr(client_module, "IN_FLIGHT_MAX", 2)
    app, address = App(), address_in(tmp_path)
    async with listening(app, address), client_of(address) as client:
        await connected(client)
        calls = [client.call(request(name), FOREVER) for name in (b"a", b"b")]
        with pytest.raises(Overloaded):
            client.call(request(b"c"), FOREVER)
        await until(lambda: len(app.seen) == 2)
        app.let(b"a")
        await calls[0]
        calls.append(client.call(request(b"d"), FOREVER))
        await until(lambda: len(app.seen) == 3)

        assert app.seen == [b"a", b"b", b"d"]


async def test_least_busy_server_is_chosen(tmp_path: Path) -> None:
    """Requests spread over the servers, and all go to the one that is left when the other is gone."""
    apps, addresses = [App(), App()], [address_in(tmp_path, "one"), address_in(tmp_path, "two")]
    async with client_of(*addresses) as client, listening(apps[0], addresses[0]):
        async with listening(apps[1], addresses[1]):
            await connected(client, 2)
            calls = [client.call(request(b"%d" % number), FOREVER) for number in range(10)]
            await until(lambda: len(apps[0].seen) == len(apps[1].seen) == 5)
        await asyncio.gather(*calls[1::2], return_exceptions=True)
        await connected(client, 1)
        calls += [client.call(request(b"more"), FOREVER) for _ in range(3)]
        await until(lambda: len(apps[0].seen) == 8)

    assert len(apps[1].seen) == 5


async def test_draining_server_gets_nothing_new(tmp_path: Path) -> None:
    """A server that says it drains answers what it has; the client sends it nothing more, and loses nothing."""
    app, address = App(), address_in(tmp_path)
    async with listening(app, address) as server, client_of(address) as client:
        await connected(client)
        begun = client.call(request(b"begun"), FOREVER)
        await until(lambda: app.seen == [b"begun"])
        draining = asyncio.ensure_future(server.drain(5.0))
        await until(lambda: client._connections[0].draining)
        with pytest.raises(Unavailable):
            client.call(request(b"new"), FOREVER)
        app.let(b"begun")

        assert (await begun).data == b"begun"
        await draining
    assert app.seen == [b"begun"]


async def test_connection_to_a_drained_server_is_closed_by_the_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client closes what it may use no more once all is answered: only it knows that nothing is on its way."""
    monkeypatch.setattr(server_module, "DRAINED_SECONDS_MAX", FOREVER)
    app, address = App(), address_in(tmp_path)
    app.let_all()
    async with listening(app, address) as server, client_of(address) as client:
        await connected(client)
        await client.call(request(b"done"), FOREVER)
        async with asyncio.timeout(5.0):
            await server.drain(FOREVER)


@pytest.mark.parametrize("garbage", [b"\xff\xff\xff\xff", b"\0\0\0\0", b"\0\0\0\x03\xff\xff\xff"])
async def test_garbage_from_the_server_breaks_the_connection(tmp_path: Path, garbage: bytes) -> None:
    """A server that breaks the protocol is cut off; what was in flight is unknown, and nothing else is raised."""
    address = address_in(tmp_path)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(garbage)
        await reader.read()
        writer.close()

    server = await asyncio.start_unix_server(answer, address.path)
    async with server, client_of(address) as client:
        await connected(client)
        with pytest.raises(OutcomeUnknown):
            await client.call(request(b"x"), FOREVER)


async def test_stop_closes_every_connection(tmp_path: Path) -> None:
    """A client that was stopped holds no connection open."""
    app, address = App(), address_in(tmp_path)
    async with listening(app, address) as server:
        async with client_of(address) as client:
            await connected(client)
            await until(lambda: len(server._connections) == 1)

        await until(lambda: not server._connections)
