"""The ceiling: what the HTTP server itself can do.

A bare ASGI function that reads a request's body and answers as many bytes of JSON as a payment does, in a process
started exactly as Shillings' web processes are: same server, event loop, parser and settings.
"""

import gc
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn
import uvloop

from shillings.processes import SWITCH_SECONDS, bind
from shillings.web.protocol import HttpConfig

_BODY = (
    b'{"transaction_id":"00000000-0000-7000-8000-000000000000","status":{"code":"ok","message":"Done."},'
    b'"echo":"nothing was paid, nothing was asked"}'
)
_HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(_BODY)).encode())]


async def echo(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """The ASGI function."""
    assert scope["type"] == "http"
    while (await receive()).get("more_body", False):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": _BODY})


async def _serve(port: int) -> None:
    # As in shillings.processes: whatever is measured there must be measured here.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    sys.setswitchinterval(SWITCH_SECONDS)
    await uvicorn.Server(HttpConfig(echo, lifespan="off")).serve(sockets=[bind("127.0.0.1", port)])


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
