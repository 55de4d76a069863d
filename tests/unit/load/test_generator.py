"""The load generator, against a server of a few lines whose every answer is known."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from shillings.load.jobs import BROKEN, NOT_SENT, Job, Phase, Result
from shillings.load.process import LoadFailed, LoadGenerator
from shillings.load.resolving import resolve
from shillings.load.traffic import Traffic, request_maker

EMAIL = "user%07d@example.com"
_ID = b"01900000-0000-7000-8000-000000000001"
_BODY = b'{"transaction_id":"' + _ID + b'","status":{"code":"ok","message":"Done."}}'


def _answer(status: bytes = b"200 OK", body: bytes = _BODY) -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


class Scripted:
    """A server that answers each request as it is told to; it runs in a thread.

    Args:
        answer: given the request's number, from 1; the answer, in pieces, sent one by one.
        seconds: how long it takes over an answer.
    """

    def __init__(self, answer: Callable[[int], list[bytes]], seconds: float = 0.0) -> None:
        self._answer = answer
        self._seconds = seconds
        self.requests: list[bytes] = []
        self.busy_most = 0
        self._busy = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()
        self._writers: list[asyncio.StreamWriter] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop it."""
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()
        self._loop.close()

    def _run(self) -> None:
        self._loop.run_until_complete(self._main())

    async def _main(self) -> None:
        server = await asyncio.start_server(self._serve, sock=self._socket)
        await self._stopped.wait()
        # Whoever has just been accepted becomes a task some turns later; a server that is closed before then loses him.
        await _turns()
        server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in self._writers:
            # Closing would wait until a client that is gone has read the rest.
            writer.transport.abort()
        await _turns()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.partition(b"Content-Length: ")[2].partition(b"\r")[0]
                self.requests.append(head + await reader.readexactly(int(length or 0)))
                number = len(self.requests)
                self._busy += 1
                self.busy_most = max(self.busy_most, self._busy)
                await asyncio.sleep(self._seconds)
                self._busy -= 1
                for piece in self._answer(number):
                    if not piece:
                        return
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


async def _turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture(scope="module")
def generator() -> Iterator[LoadGenerator]:
    """One process for all tests, as a benchmark has one for all its loads."""
    with LoadGenerator() as process:
        yield process


@pytest.fixture
def serve() -> Iterator[Callable[..., Scripted]]:
    """Starts servers, and stops them at the end."""
    servers: list[Scripted] = []

    def start(answer: Callable[[int], list[bytes]], seconds: float = 0.0) -> Scripted:
        servers.append(Scripted(answer, seconds))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def _job(server: Scripted, *phases: Phase, connections: int = 2, **options: object) -> Job:
    traffic = Traffic(kind="pay", tokens=["one", "two", "three"], users=3, acknowledges=True)
    fields = {"connections": connections, "traffic": traffic, "seed": "seed", "phases": list(phases), **options}
    return Job(addresses=[("127.0.0.1", server.port)], **fields)  # type: ignore[arg-type]


def _sent(result: Result) -> int:
    return sum(result.statuses.values())


def test_a_closed_loop_keeps_each_client_at_one_request(
    generator: LoadGenerator, serve: Callable[..., Scripted]
) -> None:
    """Three clients never have more than three requests under way, and every one is answered and counted."""
    server = serve(lambda _count: [_answer()], seconds=0.002)

    result = generator.run(_job(server, Phase(0.1), Phase(0.2), connections=3))

    assert server.busy_most == 3
    assert result.statuses == {200: len(server.requests)}
    assert 0 < result.phases[1].count(200) < len(server.requests)


def test_acknowledged_transactions_are_noted(generator: LoadGenerator, serve: Callable[..., Scripted]) -> None:
    """The id of every answer 200 comes back, of other answers none."""
    server = serve(lambda count: [_answer() if count % 2 else _answer(b"503 Overloaded", b"{}")])

    result = generator.run(_job(server, Phase(0.1)))

    assert result.acknowledged == _ID * result.statuses[200]
    assert result.statuses[503] > 0


def test_answers_may_come_in_pieces(generator: LoadGenerator, serve: Callable[..., Scripted]) -> None:
    """An answer that comes one byte at a time is the same answer."""
    server = serve(lambda _count: [bytes([byte]) for byte in _answer()])

    result = generator.run(_job(server, Phase(0.1)))

    assert result.statuses.keys() == {200}
    assert result.acknowledged == _ID * result.statuses[200]


def test_an_open_loop_does_not_wait_for_answers(generator: LoadGenerator, serve: Callable[..., Scripted]) -> None:
    """Requests begin at the rate that was asked for, however slow the answers are."""
    server = serve(lambda _count: [_answer()], seconds=0.2)

    result = generator.run(_job(server, Phase(0.5, rate=200), connections=100))

    assert 60 < _sent(result) < 140
    assert server.busy_most > 20


def test_an_open_loop_in_which_nobody_comes_ends(generator: LoadGenerator, serve: Callable[..., Scripted]) -> None:
    """Where chance brings no request in all of the time, the load ends with none."""
    server = serve(lambda _count: [_answer()])

    result = generator.run(_job(server, Phase(0.05, rate=1e-6)))

    assert _sent(result) == 0


def test_latency_counts_from_when_a_request_should_have_been_sent(
    generator: LoadGenerator, serve: Callable[..., Scripted]
) -> None:
    """With one connection and a slow server, what had to wait its turn is slow too: nothing is left out."""
    server = serve(lambda _count: [_answer()], seconds=0.05)

    result = generator.run(_job(server, Phase(0.4, rate=100), connections=1))

    # Some forty requests of 50 ms each, one after the other: the last waits for more than a second.
    latencies = result.phases[0].histogram(200)
    assert len(latencies) == len(server.requests)
    assert latencies.quantile(0.5) > 400_000
    assert latencies.slowest > 1_000_000


def test_impatient_clients_do_not_send(generator: LoadGenerator, serve: Callable[..., Scripted]) -> None:
    """Without patience, a request that finds no free connection is counted as not sent, and is not sent."""
    server = serve(lambda _count: [_answer()], seconds=0.05)

    result = generator.run(_job(server, Phase(0.4, rate=100), connections=1, patience_seconds=0.0))

    assert result.statuses[200] == len(server.requests)
    assert result.statuses[NOT_SENT] > result.statuses[200]


def test_a_broken_connection_is_counted_and_replaced(generator: LoadGenerator, serve: Callable[..., Scripted]) -> None:
    """A server that hangs up instead of answering costs that one request; the client connects again and goes on."""
    server = serve(lambda count: [b""] if count == 5 else [_answer()])

    result = generator.run(_job(server, Phase(0.3)))

    assert result.statuses[BROKEN] == 1
    assert result.reconnects >= 1
    assert result.statuses[200] > 10


def test_a_timeline_tells_when(generator: LoadGenerator, serve: Callable[..., Scripted]) -> None:
    """Each tenth of a second has the requests that began in it."""
    server = serve(lambda _count: [_answer()])

    result = generator.run(_job(server, Phase(0.2, rate=50), Phase(0.2, rate=500), wants_timeline=True))

    assert len(result.timeline) == 4
    assert sum(tick.accepted for tick in result.timeline) == _sent(result)
    calm, busy = result.timeline[:2], result.timeline[2:]
    assert sum(tick.accepted for tick in calm) < sum(tick.accepted for tick in busy)


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", _answer() + b"HTTP/1.1 200 OK\r\n"],
)
def test_answers_it_cannot_read_end_the_job(
    generator: LoadGenerator, serve: Callable[..., Scripted], answer: bytes
) -> None:
    """An answer without a length, or with more after it, is an error and no measurement."""
    server = serve(lambda _count: [answer])

    with pytest.raises(LoadFailed, match="UnreadableAnswer"):
        generator.run(_job(server, Phase(5.0)))


def test_a_server_that_is_not_there_is_an_error(generator: LoadGenerator) -> None:
    """Where nobody listens, the job fails and says so; the process goes on to the next job."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    job = Job(
        addresses=[("127.0.0.1", port)],
        connections=1,
        traffic=Traffic(kind="account", tokens=["t"], users=1),
        seed="seed",
        phases=[Phase(0.1)],
    )

    with pytest.raises(LoadFailed, match="cannot connect"):
        generator.run(job)


def test_unknown_outcomes_are_resolved_by_their_keys(generator: LoadGenerator, serve: Callable[..., Scripted]) -> None:
    """What was answered 504 or not at all is asked again after the load, with its key, and the answer is the truth."""
    seen: set[bytes] = set()
    replay = _answer().replace(b"\r\n\r\n", b"\r\nIdempotent-Replayed: true\r\n\r\n", 1)

    def answer(number: int) -> list[bytes]:
        key = server.requests[number - 1].partition(b"Idempotency-Key: ")[2].partition(b"\r")[0]
        if key in seen:
            return [replay]
        seen.add(key)
        if number == 3:
            return [b""]
        return [_answer(b"504 Gateway Timeout", b"{}")] if number == 5 else [_answer()]

    server = serve(answer)
    result = generator.run(_job(server, Phase(0.2), connections=2))

    assert (result.statuses[BROKEN], result.statuses[504]) == (1, 1)
    resolved = result.resolved
    assert (resolved.done, resolved.not_done, resolved.refused, resolved.unknown) == (2, 0, 0, 0)
    assert len(result.acknowledged) == 36 * (result.statuses[200] + 2)


async def test_what_cannot_be_resolved_stays_unknown(serve: Callable[..., Scripted]) -> None:
    """A service that never says anything definite is given up in time, and its requests are counted as unknown."""
    body = b'{"status":{"code":"timeout","message":"?"}}'
    server = serve(lambda _number: [_answer(b"504 Gateway Timeout", body)])
    found = await resolve([b"POST /v1/pay HTTP/1.1\r\n\r\n"] * 3, [("127.0.0.1", server.port)], 0.3)

    assert (found.unknown, found.done, found.not_done) == (3, 0, 0)


def test_it_is_cheap(generator: LoadGenerator, serve: Callable[..., Scripted]) -> None:
    """What a request costs the generator is a small part of what it may cost the service."""
    server = serve(lambda _count: [_answer()])

    result = generator.run(_job(server, Phase(0.5), connections=64))

    assert result.cpu_seconds / _sent(result) < 100e-6


def test_the_process_ends_with_its_owner() -> None:
    """Closed, it ends at once, as nothing is left to do."""
    process = LoadGenerator()
    began = time.monotonic()

    process.close()

    assert time.monotonic() - began < 5


def test_requests_are_whole_and_never_the_same() -> None:
    """A payment's length is right, nobody pays himself, and every one has another Idempotency-Key."""
    make = request_maker(Traffic(kind="pay", tokens=["t0", "t1"], users=2), "seed")
    keys = set()
    for _ in range(50):
        head, _, body = make().partition(b"\r\n\r\n")
        fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
        assert int(fields[b"Content-Length"]) == len(body)
        sender = int(fields[b"Authorization"][-1:])
        assert (EMAIL % sender).encode() not in body
        keys.add(fields[b"Idempotency-Key"])
    assert len(keys) == 50


def test_readers_may_come_in_turn() -> None:
    """In turn, everybody asks once before anybody asks again."""
    make = request_maker(Traffic(kind="account", tokens=["t0", "t1", "t2"], users=3, in_turn=True), "seed")

    assert [make().partition(b"Bearer ")[2][:2] for _ in range(6)] == [b"t0", b"t1", b"t2"] * 2


def test_everybody_pays_the_one() -> None:
    """With one receiver, every payment is to him and none is by him."""
    make = request_maker(Traffic(kind="pay", tokens=["t0", "t1", "t2"], users=3, receiver=1), "seed")
    requests = [make() for _ in range(50)]

    assert all((EMAIL % 1).encode() in request for request in requests)
    assert not any(b"Bearer t1" in request for request in requests)
