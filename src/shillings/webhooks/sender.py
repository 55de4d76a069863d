"""One attempt's HTTP: a POST to an address that was judged, without proxies, redirects, cookies or patience.

httpcore2, the transport under httpx2, does the HTTP. Its pool reads no environment and follows nothing, and it
takes its connections from a backend of ours. There the name is looked up once, each address is judged, and the judged
address itself is connected to; TLS still asks for the certificate of the name. (Over httpx2's own interface the address
would have to be in the URL, and its pool would share one connection between two names at one address.)
"""

import asyncio
import ssl
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from contextlib import aclosing
from datetime import UTC, datetime

import httpcore2

from shillings.base.limits import ANSWER_BYTES_MAX
from shillings.webhooks.attempts import ATTEMPT_SECONDS_MAX, Attempt, AttemptOutcome, outcome_of
from shillings.webhooks.resolving import Resolve, Resolver
from shillings.webhooks.schedule import retry_after_seconds
from shillings.webhooks.targets import Policy, Target

CONNECTIONS_MAX = 8
"""Connections to one endpoint: as many attempts as may be under way to it."""

IDLE_SECONDS_MAX = 1.0
"""How long a connection is kept for the next attempt: less than servers keep theirs, so that few are found closed."""

POOLS_MAX = 256
"""Endpoints whose connections are kept."""


class AddressRefused(Exception):
    """A name leads only to addresses that deliveries do not go to."""


class Sender:
    """Carries attempts out.

    Args:
        policy: which addresses may be connected to.
        resolve: looks names up; the system's resolver by default.
        ssl_context: which certificates are trusted; the system's by default.
        attempt_seconds_max: how long an attempt may take.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        resolve: Resolve | None = None,
        ssl_context: ssl.SSLContext | None = None,
        attempt_seconds_max: float = ATTEMPT_SECONDS_MAX,
    ) -> None:
        self._resolver = Resolver()
        self._backend = _JudgingBackend(policy, resolve or self._resolver)
        self._ssl_context = ssl_context or httpcore2.default_ssl_context()
        self._attempt_seconds_max = attempt_seconds_max
        self._pools: OrderedDict[bytes, _Pool] = OrderedDict()

    async def warm_up(self) -> None:
        """Load what the first attempt would have to wait for."""
        await self._backend.sleep(0)

    async def post(self, endpoint_id: bytes, target: Target, headers: Mapping[str, str], body: bytes) -> Attempt:
        """Send one POST and say how it ended. Raises nothing but cancellation."""
        begun = time.monotonic()
        pool = await self._pool(endpoint_id)
        pool.in_use += 1
        try:
            async with asyncio.timeout(self._attempt_seconds_max):
                attempt = await _exchange(pool.connections, target, headers, body)
        except AddressRefused as refused:
            attempt = Attempt(AttemptOutcome.ADDRESS_REFUSED, detail=str(refused))
        except (TimeoutError, httpcore2.TimeoutException):
            detail = f"no whole answer within {self._attempt_seconds_max:g} s"
            attempt = Attempt(AttemptOutcome.TIMED_OUT, detail=detail)
        except (httpcore2.ConnectError, OSError) as error:
            attempt = Attempt(AttemptOutcome.UNREACHABLE, detail=_told(error))
        except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
            attempt = Attempt(AttemptOutcome.BROKEN, detail=_told(error))
        finally:
            pool.in_use -= 1
        return attempt._replace(took_ms=int((time.monotonic() - begun) * 1000))

    async def close(self) -> None:
        """Close every connection."""
        self._resolver.close()
        for pool in self._pools.values():
            await pool.connections.aclose()
        self._pools.clear()

    async def _pool(self, endpoint_id: bytes) -> "_Pool":
        """The endpoint's own connections: what hangs there holds up nobody else."""
        pool = self._pools.get(endpoint_id)
        if pool is None:
            pool = self._pools[endpoint_id] = _Pool(self._backend, self._ssl_context)
            idle = [key for key, other in self._pools.items() if not other.in_use and other is not pool]
            for key in idle[: max(0, len(self._pools) - POOLS_MAX)]:
                await self._pools.pop(key).connections.aclose()
        self._pools.move_to_end(endpoint_id)
        return pool


class _Pool:
    """The connections to one endpoint, and how many attempts use them."""

    def __init__(self, backend: httpcore2.AsyncNetworkBackend, ssl_context: ssl.SSLContext) -> None:
        self.in_use = 0
        self.connections = httpcore2.AsyncConnectionPool(
            ssl_context=ssl_context,
            max_connections=CONNECTIONS_MAX,
            keepalive_expiry=IDLE_SECONDS_MAX,
            network_backend=backend,
        )


class _JudgingBackend(httpcore2.AsyncNetworkBackend):
    """Connects to the addresses that the policy has nothing against, in the resolver's order."""

    def __init__(self, policy: Policy, resolve: Resolve) -> None:
        self._policy = policy
        self._resolve = resolve
        self._inner = httpcore2.AnyIOBackend()

    async def sleep(self, seconds: float) -> None:
        """Part of httpcore2's interface."""
        await self._inner.sleep(seconds)

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Part of httpcore2's interface."""
        addresses = await self._resolve(host, port)
        judged = [(address, self._policy.objection(address, port)) for address in addresses]
        wanted = [address for address, objection in judged if not objection]
        if not wanted:
            raise AddressRefused("; ".join([objection for _, objection in judged]) or "the name has no address")
        for address in wanted[:-1]:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except httpcore2.ConnectError:
                continue
        return await self._inner.connect_tcp(wanted[-1], port, timeout, local_address, socket_options)


async def _exchange(
    connections: httpcore2.AsyncConnectionPool, target: Target, headers: Mapping[str, str], body: bytes
) -> Attempt:
    """Send the request, and read the answer as far as it is kept."""
    url = httpcore2.URL(
        scheme=target.scheme.encode(), host=target.host.encode(), port=target.port, target=target.path.encode()
    )
    sent = [(b"Host", target.authority.encode())]
    sent += [(name.encode(), value.encode()) for name, value in headers.items()]
    async with (
        connections.stream("POST", url, headers=sent, content=body) as response,
        aclosing(response.aiter_stream()) as parts,
    ):
        kept = bytearray()
        async for part in parts:
            kept += part
            if len(kept) >= ANSWER_BYTES_MAX:
                break
    found = [value for name, value in response.headers if name.lower() == b"retry-after"]
    return Attempt(
        outcome_of(response.status),
        status=response.status,
        answer=bytes(kept[:ANSWER_BYTES_MAX]),
        retry_after_s=retry_after_seconds(found[0].decode("latin-1"), datetime.now(UTC)) if found else 0.0,
    )


def _told(error: Exception) -> str:
    """What went wrong, for people; the deepest cause says most."""
    cause: BaseException = error
    while cause.__cause__ is not None or cause.__context__ is not None:
        cause = cause.__cause__ or cause.__context__ or cause
    return str(cause) or type(cause).__name__
