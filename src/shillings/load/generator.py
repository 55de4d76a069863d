"""The load generator's process: takes jobs from its standard input, answers on its standard output.

One thread, uvloop, raw protocols and prebuilt bytes, so that it costs the machine little of what is being measured.
In an open loop, latency counts from the moment a request *should* have been sent: one that had to wait, because
the generator or all connections were busy, has that wait in its latency.
"""

import asyncio
import gc
import sys
import time
from collections import deque
from collections.abc import Iterator
from random import Random
from typing import BinaryIO

import msgspec
import uvloop

from shillings.load.client import UNKNOWN
from shillings.load.connection import Connection
from shillings.load.jobs import BROKEN, NOT_ANSWERED, NOT_SENT, Failure, Job, Result, Success
from shillings.load.record import Record
from shillings.load.resolving import resolve
from shillings.load.traffic import request_maker

_CONNECTING_MAX = 64
_DRAIN_SECONDS_MAX = 15.0
_RECONNECT_SECONDS = 0.05
_RESOLVE_SECONDS_MAX = 15.0
_TIMER_SECONDS = 0.001
"""What uvloop's timers can tell apart."""

_ID_START = b'"transaction_id":"'
_ID_CHARACTERS = 36


class GeneratorFailed(Exception):
    """The load could not be generated; the message says why."""


class Load:
    """One job under way.

    Args:
        job: what to do.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._make = request_maker(job.traffic, job.seed)
        self._record = Record()
        self._acknowledged: list[bytes] = []
        self._unknown: list[bytes] = []
        self._connections: list[Connection] = []
        self._idle: deque[Connection] = deque()
        self._waiting: deque[float] = deque()
        self._arrivals: Iterator[float] = iter(())
        self._next_at = 0.0
        self._busy = 0
        self._reconnects = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._ends_at = 0.0
        self._is_closed_loop = job.phases[0].rate == 0
        assert all((phase.rate == 0) == self._is_closed_loop for phase in job.phases), "one kind of loop in a job"

    async def run(self) -> Result:
        """Put the load on, wait for the last answers, and tell what became of it.

        Raises:
            GeneratorFailed: a server could not be reached at first, or answered in a way that cannot be read.
        """
        self._loop = asyncio.get_running_loop()
        self._failed: asyncio.Future[None] = self._loop.create_future()
        self._drained: asyncio.Future[None] = self._loop.create_future()
        self._loop.set_exception_handler(self._crashed)
        await self._connect_all()
        wall, cpu = time.perf_counter(), time.process_time()
        begins_at = wall
        self._ends_at = begins_at + sum(phase.seconds for phase in self._job.phases)
        if self._is_closed_loop:
            while self._idle:
                self._send(self._idle.popleft(), begins_at)
        else:
            self._arrivals = _arrival_times(self._job, begins_at)
            self._next_at = next(self._arrivals, float("inf"))
            self._tick()
        seconds = self._ends_at - begins_at
        # The last answer may be there before the end.
        self._loop.call_later(seconds + 2 * _TIMER_SECONDS, self._check_drained)
        await self._wait(seconds + _DRAIN_SECONDS_MAX)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        self._finish()
        resolved = await resolve(self._unknown, self._job.addresses, _RESOLVE_SECONDS_MAX)
        self._acknowledged += [identifier.encode() for identifier in resolved.transaction_ids]
        return Result(
            phases=self._record.phases(self._job.phases, begins_at),
            statuses=self._record.statuses(),
            acknowledged=b"".join(self._acknowledged),
            cpu_seconds=cpu,
            wall_seconds=wall,
            reconnects=self._reconnects,
            resolved=resolved,
            timeline=self._record.timeline(begins_at, seconds) if self._job.wants_timeline else [],
        )

    def answered(self, connection: Connection, status: int, answer: bytes, body_at: int) -> None:
        """See `connection.Client`."""
        now = time.perf_counter()
        self._record.add(connection.intended_at, now, status)
        self._busy -= 1
        if status in UNKNOWN:
            self._doubt(connection)
        if status == 200 and self._job.traffic.acknowledges:
            at = answer.find(_ID_START, body_at) + len(_ID_START)
            self._acknowledged.append(answer[at : at + _ID_CHARACTERS])
        self._go_on(connection, now)

    def broken(self, connection: Connection) -> None:
        """See `connection.Client`."""
        if connection.is_busy:
            self._record.add(connection.intended_at, time.perf_counter(), BROKEN)
            self._doubt(connection)
            self._busy -= 1
        self._connections.remove(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._reconnects += 1
        task = self._loop.create_task(self._reconnect())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._check_drained()

    def _doubt(self, connection: Connection) -> None:
        """Nobody knows what became of a request; if it has a key, it is asked again when the load is over."""
        if self._job.traffic.acknowledges:
            self._unknown.append(connection.request)

    def _go_on(self, connection: Connection, now: float) -> None:
        """Give a free connection its next request, if there is one."""
        if self._is_closed_loop and now < self._ends_at:
            self._send(connection, now)
            return
        while self._waiting:
            intended_at = self._waiting.popleft()
            if now - intended_at <= self._job.patience_seconds:
                self._send(connection, intended_at)
                return
            self._record.add(intended_at, now, NOT_SENT)
        self._idle.append(connection)
        self._check_drained()

    def _send(self, connection: Connection, intended_at: float) -> None:
        self._busy += 1
        connection.send(self._make(), intended_at)

    def _tick(self) -> None:
        """Send every request of the open loop that is due, and come back for the next."""
        now = time.perf_counter()
        patience = self._job.patience_seconds
        while self._next_at <= now:
            if self._idle:
                self._send(self._idle.popleft(), self._next_at)
            elif patience == 0:
                self._record.add(self._next_at, now, NOT_SENT)
            else:
                self._waiting.append(self._next_at)
            self._next_at = next(self._arrivals, float("inf"))
        while self._waiting and now - self._waiting[0] > patience:
            self._record.add(self._waiting.popleft(), now, NOT_SENT)
        if self._next_at != float("inf"):
            self._loop.call_later(max(_TIMER_SECONDS, self._next_at - now), self._tick)
        else:
            self._check_drained()

    def _check_drained(self) -> None:
        is_over = time.perf_counter() >= self._ends_at and (self._is_closed_loop or self._next_at == float("inf"))
        if is_over and self._busy == 0 and not self._waiting and not self._drained.done():
            self._drained.set_result(None)

    async def _wait(self, seconds: float) -> None:
        """Return when the last answer is there or it is too late for it."""
        await asyncio.wait([self._drained, self._failed], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if self._failed.done():
            self._failed.result()

    def _finish(self) -> None:
        now = time.perf_counter()
        for connection in self._connections:
            if connection.is_busy:
                self._record.add(connection.intended_at, now, NOT_ANSWERED)
                self._doubt(connection)
            connection.close()
        for intended_at in self._waiting:
            self._record.add(intended_at, now, NOT_SENT)
        for task in self._tasks:
            task.cancel()

    async def _connect_all(self) -> None:
        gate = asyncio.Semaphore(_CONNECTING_MAX)

        async def connect(number: int) -> None:
            async with gate:
                await self._connect(number)

        try:
            await asyncio.gather(*[connect(number) for number in range(self._job.connections)])
        except OSError as error:
            raise GeneratorFailed(f"cannot connect: {error}") from error

    async def _connect(self, number: int) -> None:
        host, port = self._job.addresses[number % len(self._job.addresses)]
        _, connection = await self._loop.create_connection(lambda: Connection(self), host, port)
        self._connections.append(connection)
        self._idle.append(connection)

    async def _reconnect(self) -> None:
        """Replace a connection that broke; the server may need a moment."""
        while time.perf_counter() < self._ends_at:
            try:
                await self._connect(self._reconnects)
            except OSError:
                await asyncio.sleep(_RECONNECT_SECONDS)
            else:
                self._go_on(self._idle.pop(), time.perf_counter())
                return

    def _crashed(self, _loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        """An error in a callback ends the job: what it measures from here on would be wrong."""
        if not self._failed.done():
            error = context.get("exception")
            self._failed.set_exception(GeneratorFailed(f"{type(error).__name__}: {error or context['message']}"))


def _arrival_times(job: Job, begins_at: float) -> Iterator[float]:
    """When each request of an open loop begins: at random, as those of people who do not know of each other do."""
    chance = Random(job.seed)
    at = ends_at = begins_at
    for phase in job.phases:
        at, ends_at = ends_at, ends_at + phase.seconds
        while True:
            at += chance.expovariate(phase.rate)
            if at >= ends_at:
                break
            yield at


def serve(jobs: BinaryIO, answers: BinaryIO) -> None:
    """Do one job after the other until there are no more."""
    decoder, encoder = msgspec.msgpack.Decoder(Job), msgspec.msgpack.Encoder()
    while True:
        size = jobs.read(8)
        if len(size) < 8:
            return
        job = decoder.decode(jobs.read(int.from_bytes(size, "big")))
        gc.collect()
        gc.disable()
        answer: Success | Failure
        try:
            answer = Success(uvloop.run(Load(job).run()))
        except GeneratorFailed as error:
            answer = Failure(str(error))
        gc.enable()
        payload = encoder.encode(answer)
        answers.write(len(payload).to_bytes(8, "big") + payload)
        answers.flush()


if __name__ == "__main__":
    # sys.stdout may be unbuffered, and then writes only part of what it is given.
    with open(sys.stdout.fileno(), "wb", closefd=False) as output:
        serve(sys.stdin.buffer, output)
