"""What the web layer does for the sandbox: it lets its calls in, passes options on, and delivers as it is told."""

import asyncio
from contextlib import suppress
from typing import NamedTuple

from shillings.base.errors import Refusal, invalid
from shillings.contract import shillings_pb2 as wire
from shillings.contract.fields import INTENT
from shillings.contract.shillings_pb2 import Delivery as Wanted
from shillings.contract.shillings_pb2 import NoteRequest, Request, Response, SandboxOptions
from shillings.web.delivery import SEND, Cut, Delay, Delivery, Garbage, Held, Truncate
from shillings.web.guard import Guard
from shillings.web.replies import Reply
from shillings.web.requests import RequestHeaders
from shillings.web.site import Incoming
from shillings.wire.client import AppClient

FAULT, INTENT_HEADER, APPLIED = b"shillings-fault", b"shillings-intent", b"shillings-fault-applied"
FAULT_BYTES_MAX = 1_000
METHOD_CHARACTERS_MAX, PATH_CHARACTERS_MAX = 20, 200
NOTE_SECONDS_MAX = 1.0
_NO_OPTIONS = SandboxOptions()


class SandboxEdge(NamedTuple):
    """The sandbox's parts in the web layer.

    Args:
        guard: who may call it.
        held: holds back what is to wait.
    """

    guard: Guard
    held: Held

    def options(self, headers: RequestHeaders) -> SandboxOptions:
        """What a request asks of the sandbox. Raises Refusal."""
        fault, intent = headers.get(FAULT, b""), headers.get(INTENT_HEADER, b"")
        if not fault and not intent:
            return _NO_OPTIONS
        if len(fault) > FAULT_BYTES_MAX:
            raise invalid("Shillings-Fault", f"has more than {FAULT_BYTES_MAX} bytes.")
        text = intent.decode("latin-1")
        if intent and not INTENT.fits(text):
            raise invalid("Shillings-Intent", INTENT.sentence)
        return SandboxOptions(fault=fault.decode("latin-1"), intent=text)

    async def hold_back(self, response: Response, sandbox_options: SandboxOptions) -> bool:
        """Whether the request is to be sent again; if so, this returns after the wait, and the options say so."""
        if response.delivery.how != Wanted.AGAIN:
            return False
        await self.held.sleep(response.delivery.wait_ms / 1000)
        sandbox_options.held = response.fault_applied
        return True


def note_refusal(client: AppClient, incoming: Incoming, refusal: Refusal) -> None:
    """Tell the request log of what it has not seen. Nobody waits for it, and nothing depends on it."""
    note = NoteRequest(
        request_id=incoming.request_id.decode(),
        method=incoming.method[:METHOD_CHARACTERS_MAX],
        path=incoming.path[:PATH_CHARACTERS_MAX],
        code=int(refusal.code),  # type: ignore[arg-type]
        message=refusal.message[:PATH_CHARACTERS_MAX],
    )
    with suppress(Refusal):
        client.call(Request(command=wire.NTE, data=note.SerializeToString()), NOTE_SECONDS_MAX).add_done_callback(
            _forget
        )


def _forget(future: "asyncio.Future[Response]") -> None:
    """Look at a note's outcome, so that nobody is told that it was lost."""
    if not future.cancelled():
        future.exception()


def touched(reply: Reply, response: Response) -> Reply:
    """A reply that tells what the sandbox did, and is delivered as that demands."""
    applied = (APPLIED, response.fault_applied.encode())
    return reply._replace(headers=[*reply.headers, applied], delivery=_delivery(response))


_DELIVERIES: dict[int, Delivery] = {
    Wanted.RESET: Cut("reset"),
    Wanted.CLOSE: Cut("close"),
    Wanted.TRUNCATE: Truncate(),
    Wanted.HALF: Garbage("half"),
    Wanted.HTML: Garbage("html"),
    Wanted.EMPTY: Garbage("empty"),
}


def _delivery(response: Response) -> Delivery:
    """How a response wants to be delivered."""
    if not response.HasField("delivery"):
        return SEND
    wanted = response.delivery
    seconds = wanted.wait_ms / 1000
    if wanted.how == Wanted.HANG:
        return Cut("hang", seconds)
    return _DELIVERIES.get(wanted.how, Delay(seconds))
