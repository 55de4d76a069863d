"""Answers leave together, in order, and one that fails concerns no other."""

import asyncio
from typing import cast

from shillings.web.transport import OUTBOX_CLIENTS_MAX, ClientTransport, Outbox


class Socket:
    """Notes what a client would receive, write by write."""

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.closed = False

    def is_closing(self) -> bool:
        """Whether it was closed or lost."""
        return self.closed

    def write(self, data: bytes) -> None:
        """Note one write."""
        assert not self.closed, "a lost connection raises, in the middle of the others' answers"
        self.received.append(data)

    def close(self) -> None:
        """Note the end."""
        self.closed = True


def clients(count: int) -> list[tuple[ClientTransport, Socket]]:
    """Clients of one server, and what they receive."""
    outbox, loop = Outbox(), asyncio.get_running_loop()
    sockets = [Socket() for _ in range(count)]
    return [(ClientTransport(cast(asyncio.Transport, socket), outbox, loop), socket) for socket in sockets]


async def test_head_and_body_leave_in_one_write() -> None:
    """What was written in one turn of the event loop is one write, in the order in which it was written."""
    [(transport, socket)] = clients(1)
    transport.write(b"head ")
    transport.write(b"body")
    assert socket.received == []

    await asyncio.sleep(0)
    assert socket.received == [b"head body"]


async def test_next_turn_is_a_write_of_its_own() -> None:
    """After a turn's answer has left, the next one leaves too."""
    [(transport, socket)] = clients(1)
    for answer in (b"one", b"two"):
        transport.write(answer)
        await asyncio.sleep(0)

    assert socket.received == [b"one", b"two"]


async def test_many_clients_do_not_wait_for_the_last() -> None:
    """When enough clients wait, they are answered before the turn ends; the others when it ends."""
    many = clients(OUTBOX_CLIENTS_MAX + 2)
    for transport, _ in many:
        transport.write(b"head ")
        transport.write(b"body")
    received = [socket.received for _, socket in many]
    assert received == [[b"head body"]] * OUTBOX_CLIENTS_MAX + [[], []]

    await asyncio.sleep(0)
    assert [socket.received for _, socket in many] == [[b"head body"]] * len(many)


async def test_lost_client_keeps_nobody_waiting() -> None:
    """Nothing is written to a client that is gone, and the others get their answers."""
    (lost, lost_socket), (other, other_socket) = clients(2)
    lost.write(b"an answer")
    other.write(b"an answer")
    lost_socket.closed = True

    await asyncio.sleep(0)
    assert (lost_socket.received, other_socket.received) == ([], [b"an answer"])


async def test_close_sends_first() -> None:
    """A connection that is closed after an answer gets the answer."""
    [(transport, socket)] = clients(1)
    transport.write(b"the last answer")
    transport.close()

    assert (socket.received, socket.closed) == ([b"the last answer"], True)
    await asyncio.sleep(0)
    assert socket.received == [b"the last answer"]
