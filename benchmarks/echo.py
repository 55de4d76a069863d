"""The ceiling: what the HTTP server itself can do.

A site whose only mount reads a request's body and answers as many bytes of JSON as a payment does, in a process started
exactly as Shillings' web processes are: same server, event loop, parser and settings, and the same way to an answer.
"""

import gc
import sys
from contextlib import nullcontext

import uvicorn
import uvloop

from shillings.base.clock import SystemClock
from shillings.base.ids import RandomIds
from shillings.runtime.processes import SWITCH_SECONDS, bind
from shillings.web.delivery import Held
from shillings.web.protocol import HttpConfig
from shillings.web.replies import Reply
from shillings.web.site import Incoming, Mount, Site

_BODY = (
    b'{"transaction_id":"00000000-0000-7000-8000-000000000000","status":{"code":"ok","message":"Done."},'
    b'"echo":"nothing was paid, nothing was asked"}'
)
_HEADERS = [(b"content-type", b"application/json")]


async def echo(incoming: Incoming) -> Reply:
    """The mount's function."""
    await incoming.read_body()
    return Reply(200, _BODY)


def site() -> Site:
    """The mount alone: nothing is counted, and there is nothing behind it."""
    mount = Mount(("/",), echo, _HEADERS, RandomIds(SystemClock()))
    return Site([], otherwise=mount, lifetime=nullcontext(), held=Held(), observe=lambda _path, _status, _seconds: None)


async def _serve(port: int) -> None:
    # As in shillings.runtime.processes: whatever is measured there must be measured here.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    sys.setswitchinterval(SWITCH_SECONDS)
    await uvicorn.Server(HttpConfig(site(), lifespan="off")).serve(sockets=[bind("127.0.0.1", port)])


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
