"""Webhook endpoints: where a user wants to be told of what happens."""

import os
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from shillings.app.call import Call, Result, SignedInCall
from shillings.app.events import EVENT_TYPES, OwnerOf, asked, caller
from shillings.base.clock import stored
from shillings.base.environment import Environment
from shillings.base.errors import Code, Refusal, invalid
from shillings.base.ids import NIL
from shillings.contract import shillings_pb2 as wire
from shillings.contract.events import EventType
from shillings.storage import webhook_endpoints as stored_endpoints
from shillings.storage.executor import Executor
from shillings.storage.webhook_endpoints import Change, Endpoint, Secret, TooMany
from shillings.webhooks.signing import SECRET_BYTES, read_secret, show_secret
from shillings.webhooks.targets import Policy, parse

ENDPOINTS_MAX = 10
"""Of one user: each is a row more with every event."""

OPERATOR_ENDPOINTS_MAX = 100
OVERLAP_SECONDS_MAX = 7 * 86_400
ALL = "*"


class WebhookEndpoints:
    """Makes, shows, changes and removes endpoints.

    Args:
        writes: the executor that writes them.
        reads: the executor that reads them.
        environment: time and ids.
        policy: which addresses may be delivered to.
        heard: returns when every application server hears of a new endpoint.
        owner_of: whose they are.
    """

    def __init__(
        self,
        *,
        writes: Executor,
        reads: Executor,
        environment: Environment,
        policy: Policy,
        heard: Callable[[], Awaitable[None]],
        owner_of: OwnerOf = caller,
        new_key: Callable[[], bytes] = lambda: os.urandom(SECRET_BYTES),
    ) -> None:
        self._writes = writes
        self._reads = reads
        self._environment = environment
        self._policy = policy
        self._heard = heard
        self._owner_of = owner_of
        self._new_key = new_key

    async def create(self, call: SignedInCall | Call, request: wire.WebhookEndpointCreateRequest) -> Result:
        """Make an endpoint. Its secret is in the answer, and never again."""
        owner = self._owner_of(call)
        endpoint = Endpoint(
            endpoint_id=self._environment.ids.new(),
            user_id=owner.user_id,
            url=self._checked_url(request.url),
            event_types=_checked_types(request.event_types),
            secrets=(Secret(self._key(request.secret)),),
            enabled=True, disabled_reason="", failing_since="", created_at="", updated_at="",
        )  # fmt: skip
        limit = OPERATOR_ENDPOINTS_MAX if owner.user_id == NIL else ENDPOINTS_MAX
        now = self._environment.clock.now()
        try:
            made = await asked(
                self._writes.run(lambda connection: stored_endpoints.add(connection, owner, endpoint, limit, now))
            )
        except TooMany:
            raise invalid(
                "url", f"would be one endpoint more than the {limit} there may be. Remove one first."
            ) from None
        await self._heard()
        return Result(_told(made, show_secret(made.secrets[0].key)))

    async def read(self, call: SignedInCall | Call, request: wire.WebhookEndpointsRequest) -> Result:
        """One endpoint, or all of one's own."""
        owner = self._owner_of(call)
        found = await asked(
            self._reads.run(lambda connection: stored_endpoints.find(connection, owner, request.endpoint_id))
        )
        if not request.endpoint_id:
            return Result(wire.WebhookEndpointsAnswer(webhook_endpoints=[_message(endpoint) for endpoint in found]))
        if not found:
            raise no_endpoint()
        return Result(wire.WebhookEndpointsAnswer(webhook_endpoint=_message(found[0])))

    async def change(self, call: SignedInCall | Call, request: wire.WebhookEndpointChangeRequest) -> Result:
        """Change an endpoint; or have a new secret take over, which is in the answer and never again."""
        owner, now = self._owner_of(call), self._environment.clock.now()
        rotates = request.HasField("overlap_seconds")
        if rotates and request.overlap_seconds > OVERLAP_SECONDS_MAX:
            raise invalid("overlap_seconds", f"must be 0 to {OVERLAP_SECONDS_MAX}.")
        change = Change(
            url=self._checked_url(request.url) if request.HasField("url") else None,
            event_types=_checked_types(request.event_types) if request.event_types else None,
            enabled=request.enabled if request.HasField("enabled") else None,
            new_key=self._key(request.secret) if rotates else None,
            old_until=stored(now + timedelta(seconds=request.overlap_seconds)),
        )
        made = await asked(
            self._writes.run(
                lambda connection: stored_endpoints.change(connection, owner, request.endpoint_id, change, now)
            )
        )
        if made is None:
            raise no_endpoint()
        if request.enabled:
            await self._heard()
        return Result(_told(made, show_secret(made.secrets[0].key) if rotates else ""))

    async def remove(self, call: SignedInCall | Call, request: wire.WebhookEndpointRemoveRequest) -> Result:
        """Remove an endpoint."""
        owner = self._owner_of(call)
        gone = await asked(
            self._writes.run(lambda connection: stored_endpoints.remove(connection, owner, request.endpoint_id))
        )
        if not gone:
            raise no_endpoint()
        return Result(wire.WebhookEndpointRemoveAnswer())

    def _checked_url(self, url: str) -> str:
        """The URL, if deliveries may go there as far as its form says. A name is judged when it is connected to."""
        try:
            target = parse(url)
        except ValueError as error:
            raise invalid("url", f"{error}.") from None
        objection = self._policy.objection_to_url(target)
        if objection:
            raise invalid("url", f"is not delivered to: {objection}.")
        return url

    def _key(self, secret: str) -> bytes:
        if not secret:
            return self._new_key()
        try:
            return read_secret(secret)
        except ValueError as error:
            raise invalid("secret", f"is none: {error}.") from None


def no_endpoint() -> Refusal:
    """The same for an id that is nobody's and for one that is somebody else's."""
    return Refusal(Code.NOT_FOUND, "You have no webhook endpoint of this id.", field="endpoint_id")


def _checked_types(types: Sequence[str]) -> tuple[str, ...]:
    """The event types that are wanted; none of them for all. Raises Refusal."""
    wanted = tuple(dict.fromkeys(types))
    if wanted == (ALL,):
        return ()
    unknown = [name for name in wanted if name not in EVENT_TYPES]
    if unknown or not wanted:
        what = f"has {unknown[0][:40]!r}, which is none" if unknown else "is empty"
        raise invalid("event_types", f'{what}. There are: {", ".join(EventType)}; or ["*"] for all.')
    return wanted


def _told(endpoint: Endpoint, secret: str) -> wire.WebhookEndpointAnswer:
    return wire.WebhookEndpointAnswer(
        webhook_endpoint=_message(endpoint), endpoint_id=endpoint.endpoint_id, secret=secret
    )


def _message(endpoint: Endpoint) -> wire.WebhookEndpoint:
    return wire.WebhookEndpoint(
        endpoint_id=endpoint.endpoint_id,
        url=endpoint.url,
        event_types=endpoint.event_types or (ALL,),
        enabled=endpoint.enabled,
        disabled_reason=endpoint.disabled_reason,
        failing_since=endpoint.failing_since,
        created_at=endpoint.created_at,
        updated_at=endpoint.updated_at,
    )
