"""One request and its answer, without ASGI and without a task.

A task costs about as much as the work of a small request. A coroutine that is driven by what it waits for costs a tenth
of it. It has no current task, so whatever needs one (`asyncio.timeout`) must be run in a task of its own.
"""

from asyncio import Event, Future
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from shillings.web.site import Incoming

Result = TypeVar("Result")


class Exchange:
    """A request on a connection, and how far its answer is.

    It has what the protocol needs of uvicorn's `RequestResponseCycle`, which is made of it where ASGI is needed.

    Args:
        incoming: the request; its body is still arriving.
        version: of HTTP, as in the request line.
        keep_alive: whether the connection is kept after the answer.
    """

    __slots__ = (
        "body", "disconnected", "incoming", "keep_alive", "more_body", "response_complete",
        "response_started", "version",
    )  # fmt: skip

    message_event = Event()
    """Nobody waits for it: a whole request waits for nothing of its client's."""

    def __init__(self, incoming: Incoming, version: str, *, keep_alive: bool) -> None:
        self.incoming = incoming
        self.version = version
        self.keep_alive = keep_alive
        self.body = bytearray()
        self.more_body = True
        self.response_started = self.response_complete = False
        self.disconnected = False


class Drive(Generic[Result]):
    """Runs a coroutine in the caller's turn of the event loop until it waits, and then whenever it can go on.

    Args:
        coroutine: what runs. It awaits futures and nothing else, and raises nothing.
        done: told its result.
    """

    __slots__ = ("_coroutine", "_done")

    def __init__(self, coroutine: Coroutine[Any, Any, Result], done: Callable[[Result], None]) -> None:
        self._coroutine = coroutine
        self._done = done

    def step(self, _before: Future[Any] | None = None) -> None:
        """Run on to the next future that is not done, or to the end."""
        try:
            future = self._coroutine.send(None)
        except StopIteration as end:
            self._done(end.value)
            return
        # A future that is awaited says so, and whoever waits for it takes note: what a task does, too.
        future._asyncio_future_blocking = False  # noqa: SLF001 - asyncio's own protocol between futures and tasks
        future.add_done_callback(self.step)
