"""What an application server has for events and webhooks, built and wired."""

import asyncio

from shillings.app.call import Handler
from shillings.app.deliveries import Deliveries
from shillings.app.delivering import Delivering
from shillings.app.events import Events, OwnerOf, caller, operator
from shillings.app.news import News
from shillings.app.sandbox.delivery_faults import DeliveryFaults
from shillings.app.sandbox.fault_rules import Rules
from shillings.app.sandbox.faults import moves_money
from shillings.app.webhook_endpoints import WebhookEndpoints
from shillings.base.batching import MakeBatcher
from shillings.base.environment import Environment
from shillings.base.epoch import Epoch
from shillings.base.ids import RandomIds
from shillings.contract import commands
from shillings.contract.commands import Command
from shillings.runtime.settings import Settings
from shillings.storage.executor import Executor
from shillings.storage.listening import FRESH_SECONDS, Listening

USERS = (commands.WEC, commands.WEQ, commands.WEU, commands.WED, commands.DLQ, commands.DLR)
OPERATORS = (commands.OWC, commands.OWQ, commands.OWU, commands.OWD, commands.ODQ, commands.ODR)


class Webhooks:
    """Events, and where there is a deliverer webhooks too.

    Args:
        settings: whether events are kept, and where deliveries may go.
        environment: time, ids and chance.
        writes: the executor that writes endpoints and deliveries.
        reads: the executor that reads them.
        make_batcher: batches reports.
        epoch: which life of the books this is.
        alone: whether no other process writes to the database.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        environment: Environment,
        writes: Executor,
        reads: Executor,
        make_batcher: MakeBatcher,
        epoch: Epoch,
        alone: bool,
    ) -> None:
        everybody = settings.events == "always"
        listens = everybody or bool(settings.deliverer_key)
        self._alone = alone
        self._writes = writes
        self._reads = reads
        self._environment = environment
        self._policy = settings.webhook_policy()
        self.news = News()
        self.told: bool | None = everybody if listens else None
        """Whether everybody's events are kept; None where nobody ever listens."""
        self.listening = Listening(everybody=everybody) if listens else None
        if self.listening is not None:
            epoch.on_change(self.listening.hear)
        self.handlers: dict[Command, Handler] = {commands.EVQ: Events(reads=reads).read}
        self.delivering: Delivering | None = None
        if not settings.deliverer_key:
            return
        self.delivering = Delivering(
            writes=writes,
            reads=reads,
            # When attempts end, nobody can foretell: that must not change the ids of a seeded service's payments.
            environment=environment._replace(ids=RandomIds(environment.clock)),
            make_batcher=make_batcher,
            news=self.news,
            key=settings.deliverer_key,
            pauses=settings.retry_pauses(),
            alone=alone,
        )
        epoch.on_change(self.delivering.begin_epoch)
        self.handlers |= self._commands(USERS, caller)
        self.handlers |= {commands.CLM: self.delivering.claim, commands.RPT: self.delivering.report}

    def _commands(self, which: tuple[Command, ...], owner_of: OwnerOf) -> dict[Command, Handler]:
        """The handlers of the commands about endpoints and deliveries, in the order of `USERS`."""
        endpoints = WebhookEndpoints(
            writes=self._writes,
            reads=self._reads,
            environment=self._environment,
            policy=self._policy,
            heard=self._heard,
            owner_of=owner_of,
        )
        deliveries = Deliveries(
            writes=self._writes,
            reads=self._reads,
            environment=self._environment,
            news=self.news,
            owner_of=owner_of,
        )
        handlers: tuple[Handler, ...] = (
            *(endpoints.create, endpoints.read, endpoints.change, endpoints.remove),
            *(deliveries.read, deliveries.send_again),
        )
        return dict(zip(which, handlers, strict=True))

    def with_delivery_faults(self, rules: Rules, handlers: dict[Command, Handler]) -> dict[Command, Handler]:
        """Have faults happen to deliveries; the handlers as they are then, and those of the operator.

        Args:
            rules: those in force.
            handlers: of every command.
        """
        own: dict[Command, Handler] = {commands.OEQ: Events(reads=self._reads, owner_of=operator).read}
        if self.delivering is None:
            return handlers | own
        own |= self._commands(OPERATORS, operator)
        self.delivering.faults = faults = DeliveryFaults(rules, self._reads, self.news)
        return {
            command: faults.before_response(handler) if moves_money(command) else handler
            for command, handler in (handlers | own).items()
        }

    async def _heard(self) -> None:
        """Hear of a new endpoint here at once, and wait until every other server asks again."""
        if self.listening is not None:
            self.listening.hear()
        if not self._alone:
            await asyncio.sleep(FRESH_SECONDS * 1.25)

    async def run_due(self) -> int:
        """Have what is due by the clock delivered; return how many attempts that took."""
        return await self.delivering.run_due() if self.delivering is not None else 0
