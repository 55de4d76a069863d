"""The application layer's end: whatever a peer sends, it concerns that peer's connection only."""

import asyncio
import socket
from pathlib import Path

import pytest

from shillings.contract import shillings_pb2 as wire
from shillings.wire import server as server_module
from shillings.wire import stream
from shillings.wire.address import Address
from shillings.wire.framing import FRAME_BYTES_MAX, frame
from tests.unit.wire.ends import App, RawPeer, address_in, client_of, connected, listening, request, until

GARBAGE = {
    "length zero": b"\0\0\0\0",
    "length above the maximum": (FRAME_BYTES_MAX + 1).to_bytes(4, "big"),
    "largest length": b"\xff\xff\xff\xff",
    "HTTP": b"GET / HTTP/1.1\r\n\r\n",
    "no protobuf": frame(b"\xff\xff\xff"),
    "text that is not UTF-8": frame(b"\x1a\x02\xff\xfe"),
    "id zero": frame(request(b"x", 0).SerializeToString()),
    "only unknown fields": frame(b"\xfa\x07\x01x"),
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
async def test_garbage_closes_only_its_connection(tmp_path: Path, garbage: bytes) -> None:
    """A peer that breaks the protocol is cut off at once; its neighbour's request is answered."""
    app, address = App(), address_in(tmp_path)
    async with listening(app, address), RawPeer.connect(address) as good, RawPeer.connect(address) as bad:
        good.ask(request(b"good", 1))
        await until(lambda: app.seen == [b"good"])
        bad.send(garbage)
        await bad.closed()
        app.let(b"good")

        assert [(one.id, one.data) for one in await good.responses(1)] == [(1, b"good")]


async def test_id_in_flight_twice_closes_the_connection(tmp_path: Path) -> None:
    """Two requests with one id could not be told apart, so the second ends the connection and is not carried out."""
    app, address = App(), address_in(tmp_path)
    async with listening(app, address), RawPeer.connect(address) as peer:
        peer.ask(request(b"first", 7), request(b"second", 7))
        await peer.closed()

    assert b"second" not in app.seen


async def test_answers_leave_when_they_are_ready(tmp_path: Path) -> None:
    """A slow request does not hold up those behind it."""
    app, address = App(), address_in(tmp_path)
    async with listening(app, address), RawPeer.connect(address) as peer:
        peer.ask(*[request(b"%d" % number, number) for number in (1, 2, 3)])
        await until(lambda: len(app.seen) == 3)
        app.let(b"2")
        [second] = await peer.responses(1)
        app.let_all()
        rest = await peer.responses(2)

    assert (second.id, {one.id for one in rest}) == (2, {1, 3})


async def test_answer_that_fits_into_no_frame_is_told(tmp_path: Path) -> None:
    """An answer larger than a frame becomes one that says so: nobody waits in vain."""

    async def answer(asked: wire.Request) -> wire.Response:
        return wire.Response(data=b"x" * (FRAME_BYTES_MAX if asked.data == b"large" else 1))

    address = address_in(tmp_path)
    async with listening(answer, address), RawPeer.connect(address) as peer, asyncio.timeout(5.0):
        peer.ask(request(b"large", 1), request(b"small", 2))
        answers = {one.id: one for one in await peer.responses(2)}

    assert (answers[1].code, answers[2].code) == (wire.INTERNAL, wire.OK)
    assert "larger" in answers[1].message


async def test_answer_that_just_fits_is_sent(tmp_path: Path) -> None:
    """An answer of the largest length to the byte is sent as it is, and one byte more is not."""
    full = FRAME_BYTES_MAX - len(wire.Response(id=1, data=b"x" * FRAME_BYTES_MAX).SerializeToString())
    sizes = {b"fits": FRAME_BYTES_MAX + full, b"larger": FRAME_BYTES_MAX + full + 1}

    async def answer(asked: wire.Request) -> wire.Response:
        return wire.Response(data=b"x" * sizes[asked.data])

    address = address_in(tmp_path)
    async with listening(answer, address), RawPeer.connect(address) as peer, asyncio.timeout(5.0):
        peer.ask(request(b"fits", 1), request(b"larger", 2))
        answers = {one.id: one for one in await peer.responses(2)}

    assert (answers[1].code, len(answers[1].data)) == (wire.OK, sizes[b"fits"])
    assert answers[2].code == wire.INTERNAL


async def test_request_in_pieces_is_one_request(tmp_path: Path) -> None:
    """A request that arrives byte by byte is carried out once, when it is whole."""
    app, address = App(), address_in(tmp_path)
    app.let_all()
    data = frame(request(b"slow", 1).SerializeToString())
    async with listening(app, address), RawPeer.connect(address) as peer:
        for at in range(len(data)):
            assert app.seen == []
            peer.send(data[at : at + 1])
            await asyncio.sleep(0)

        assert [one.data for one in await peer.responses(1)] == [b"slow"]


async def test_half_a_frame_and_silence_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame that began and does not end costs the peer its connection; silence between frames does not."""
    monkeypatch.setattr(stream, "HALF_FRAME_SECONDS_MAX", 0.05)
    app, address = App(), address_in(tmp_path)
    app.let_all()
    async with listening(app, address), RawPeer.connect(address) as idle, RawPeer.connect(address) as stalled:
        stalled.send(b"\0\0\0\x10half")
        await stalled.closed()
        idle.ask(request(b"still here", 1))

        assert [one.data for one in await idle.responses(1)] == [b"still here"]


async def test_frame_that_drips_is_cut_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then does not buy a frame more time."""
    monkeypatch.setattr(stream, "HALF_FRAME_SECONDS_MAX", 0.2)
    async with listening(App(), address := address_in(tmp_path)), RawPeer.connect(address) as peer:
        peer.send(b"\0\0\4\0")

        async def drip() -> None:
            while True:
                peer.send(b"x")
                await asyncio.sleep(0.05)

        dripping = asyncio.create_task(drip())
        await peer.closed()
        dripping.cancel()


async def test_peer_that_leaves_takes_its_requests_along(tmp_path: Path) -> None:
    """When the connection is gone nobody waits for what was in flight, so it is cancelled."""
    app, address = App(), address_in(tmp_path)
    async with listening(app, address) as server:
        async with RawPeer.connect(address) as peer:
            peer.ask(request(b"x", 1))
            await until(lambda: app.seen == [b"x"])
        await until(lambda: app.cancelled == [b"x"])

        assert not server._connections


async def test_surplus_is_answered_overloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More requests in flight than a connection may have are answered `overloaded` and not carried out."""
    monkeypatch.setattr(server_module, "IN_FLIGHT_MAX", 2)
    app, address = App(), address_in(tmp_path)
    async with listening(app, address), RawPeer.connect(address) as peer:
        peer.ask(*[request(b"%d" % number, number) for number in (1, 2, 3)])
        [surplus] = await peer.responses(1)

        assert (surplus.id, surplus.code) == (3, wire.OVERLOADED)
        assert b"3" not in app.seen


async def test_draining_finishes_what_is_in_flight(tmp_path: Path) -> None:
    """A draining server says so, refuses what is new, answers what it has, closes, and accepts nobody."""
    app, address = App(), address_in(tmp_path)
    async with listening(app, address) as server, RawPeer.connect(address) as peer:
        peer.ask(request(b"begun", 1))
        await until(lambda: app.seen == [b"begun"])
        draining = asyncio.ensure_future(server.drain(5.0))
        [notice] = await peer.responses(1)
        peer.ask(request(b"new", 2))
        [refused] = await peer.responses(1)
        app.let(b"begun")
        [answered] = await peer.responses(1)
        await peer.closed()
        await draining
        with pytest.raises(OSError):
            await asyncio.open_unix_connection(address.path)

    assert notice.id == 0
    assert (refused.id, refused.code) == (2, wire.UNAVAILABLE)
    assert (answered.id, answered.data) == (1, b"begun")
    assert app.seen == [b"begun"]


async def test_draining_waits_for_what_was_sent_before_it_was_known(tmp_path: Path) -> None:
    """A draining server with nothing in flight still answers what comes, as not done, until the peer closes."""
    app, address = App(), address_in(tmp_path)
    async with listening(app, address) as server, RawPeer.connect(address) as peer:
        peer.ask(request(b"done", 1))
        await until(lambda: app.seen == [b"done"])
        app.let(b"done")
        await peer.responses(1)
        draining = asyncio.ensure_future(server.drain(5.0))
        await peer.responses(1)
        peer.ask(request(b"late", 2))
        [refused] = await peer.responses(1)

        assert (refused.id, refused.code) == (2, wire.UNAVAILABLE)
        assert not draining.done()
    await draining
    assert app.seen == [b"done"]


async def test_draining_has_an_end(tmp_path: Path) -> None:
    """A request that never ends holds a draining server up only for as long as it was told."""
    app, address = App(), address_in(tmp_path)
    async with listening(app, address) as server, RawPeer.connect(address) as peer:
        peer.ask(request(b"stuck", 1))
        await until(lambda: app.seen == [b"stuck"])
        async with asyncio.timeout(5.0):
            await server.drain(0.05)


async def test_server_knows_where_it_listens() -> None:
    """The port the system chose for port 0 is told, so that somebody can connect."""
    app = App()
    app.let_all()
    async with listening(app, Address(host="127.0.0.1", port=0)) as server:
        [address] = server.addresses
        reader, writer = await asyncio.open_connection(address.host, address.port)
        peer = RawPeer(reader, writer)
        peer.ask(request(b"tcp", 1))

        assert [one.data for one in await peer.responses(1)] == [b"tcp"]
        writer.close()


async def test_both_ends_notice_that_the_other_machine_is_gone() -> None:
    """Over TCP, the system asks for a peer that says nothing, and gives it up after ten seconds, at both ends."""
    async with listening(App(), Address(host="127.0.0.1")) as server, client_of(*server.addresses) as client:
        await connected(client)
        await until(lambda: server._connections)
        for end in (*client._connections, *server._connections):
            assert end._transport is not None
            watched: socket.socket = end._transport.get_extra_info("socket")

            assert watched.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert watched.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 10_000
