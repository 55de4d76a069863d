"""What became of requests whose outcome is unknown: each is sent again, with its key, until the answer is definite."""

import asyncio
from collections.abc import Sequence

from shillings.load.client import TRY_AGAIN, UNKNOWN, LoadClient
from shillings.load.jobs import Resolved

_CLIENTS = 16
_PAUSE_SECONDS = 0.05


async def resolve(requests: Sequence[bytes], addresses: Sequence[tuple[str, int]], seconds: float) -> Resolved:
    """Send requests again, each until it is answered.

    Args:
        requests: each with an Idempotency-Key of its own.
        addresses: where the service listens.
        seconds: how long to try; what is not definite then is still unknown.
    """
    waiting = list(requests)
    found = Resolved()

    async def work(number: int) -> None:
        host, port = addresses[number % len(addresses)]
        client = LoadClient(port, host)
        try:
            while waiting:
                request = waiting.pop()
                if not await _definite(client, request, found):
                    waiting.append(request)
                    client.close()
                    await asyncio.sleep(_PAUSE_SECONDS)
        finally:
            client.close()

    workers = [asyncio.ensure_future(work(number)) for number in range(min(_CLIENTS, len(waiting)))]
    if workers:
        _, late = await asyncio.wait(workers, timeout=seconds)
        for worker in late:
            worker.cancel()
        for outcome in await asyncio.gather(*workers, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome
    found.unknown = len(requests) - found.done - found.not_done - found.refused
    return found


async def _definite(client: LoadClient, request: bytes, found: Resolved) -> bool:
    try:
        reply = await client.send(request)
    except (ConnectionError, TimeoutError):
        return False
    if reply.http in UNKNOWN or reply.http in TRY_AGAIN:
        return False
    if reply.http != 200:
        found.refused += 1
        return True
    found.transaction_ids.append(str(reply.body["transaction_id"]))
    if reply.replayed:
        found.done += 1
    else:
        found.not_done += 1
    return True
