"""Looking names up without letting a slow name server hold up other names."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

THREADS = 64
"""Lookups block a thread each. One is under way for a name at a time, so so many names may hang and others still be
looked up."""

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""The addresses of a name, in the order to try them. Raises OSError when there are none."""


class Resolver:
    """The system's resolver, asked once for each name at a time."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="resolve")
        self._under_way: dict[tuple[str, int], asyncio.Future[list[str]]] = {}

    async def __call__(self, host: str, port: int) -> list[str]:
        """See Resolve."""
        name = (host, port)
        lookup = self._under_way.get(name)
        if lookup is None:
            lookup = asyncio.get_running_loop().run_in_executor(self._threads, _look_up, host, port)
            self._under_way[name] = lookup
            lookup.add_done_callback(lambda _done: self._under_way.pop(name, None))
        # A caller that gives up does not take the answer away from the others.
        return await asyncio.shield(lookup)

    def close(self) -> None:
        """Begin no more lookups. One that hangs ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _look_up(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
