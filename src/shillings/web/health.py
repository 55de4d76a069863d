"""Health: whether this web server lives, and whether everything behind it answers."""

from shillings.base.errors import Refusal, Unavailable
from shillings.base.money import Currency
from shillings.contract import shillings_pb2 as wire
from shillings.web.replies import OK, MethodNotAllowed, Reply, encode
from shillings.web.site import Incoming
from shillings.wire.client import AppClient

ALIVE, READY = "/healthz", "/readyz"
READY_SECONDS_MAX = 1.0


class Health:
    """The two paths that load balancers and supervisors ask.

    Args:
        client: the way to the application layer.
        currency: how this web server writes amounts: one that writes them wrong is not ready.
    """

    def __init__(self, client: AppClient, currency: Currency) -> None:
        self._client = client
        self._currency = str(currency)

    async def reply(self, incoming: Incoming) -> Reply:
        """Reply to one request. Raises Refusal when something behind does not answer."""
        incoming.route = incoming.path
        if incoming.method not in ("GET", "HEAD"):
            raise MethodNotAllowed(("GET",))
        if incoming.path == READY:
            await self._require_ready()
        return Reply(200, encode({"status": OK}))

    async def _require_ready(self) -> None:
        try:
            response = await self._client.call(
                wire.Request(command=wire.RDY, currency=self._currency), READY_SECONDS_MAX
            )
        except Refusal as refusal:
            raise Unavailable(f"The application layer does not answer: {refusal.message}") from None
        if response.code != wire.OK:
            raise Unavailable(f"The application layer is not ready: {response.message}")
