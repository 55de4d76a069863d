"""A running production stack with a crowd of users on it, and what is said of them at the end."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
import uvloop
from prometheus_client.parser import text_string_to_metric_families

from deploy.local.shillings import AppServer
from deploy.local.topology import Topology
from tests.figures import note
from tests.invariants import Auditor, disagreements, violations
from tests.load import Crowd, LoadClient, Wish, random_wish

CLIENTS = 32
USERS = 20
RECOVERY_SECONDS_MAX = 10.0

PROMISED = {
    (200, "ok"),
    (400, "invalid_request"),
    (402, "insufficient_funds"),
    (404, "receiver_not_found"),
    (422, "self_payment"),
    (503, "unavailable"),
    (503, "overloaded"),
    (500, "internal"),
    (504, "timeout"),
}
"""Every answer that `any_wish` may get, whatever breaks. A 503 that was applied all the same would be found out, as the
crowd then asks with the same key, and the answer to that would be a replay."""

Choose = Callable[[random.Random, list[str]], Wish]


def any_wish(chance: random.Random, emails: list[str]) -> Wish:
    """A payment like others, with a key, so that every unknown outcome can be resolved."""
    return random_wish(chance, emails, with_key=True)


@dataclass(kw_only=True)
class Stand:
    """A stack, a crowd, and the database behind them.

    Args:
        topology: the servers.
        crowd: everybody who pays, and everything they were told.
        database_url: where the auditor looks.
        chance: chooses what is wished for.
    """

    topology: Topology
    crowd: Crowd
    database_url: str
    chance: random.Random = field(default_factory=lambda: random.Random(20_261_123))

    def pay_through(
        self,
        what: str,
        fault: Callable[[], float | None],
        *,
        before: int = 300,
        during: int = 0,
        after: int = 300,
        choose: Choose = any_wish,
        dies: str = "",
    ) -> Counter[str]:
        """Pay, let something happen, go on paying; then hold the ledger against everything that was told.

        Args:
            what: the fault's name, for the figures.
            fault: makes it happen, and heals what does not heal by itself; may return when it ended.
            before: how many payments are acknowledged before it happens.
            during: how many at the least while it lasts.
            after: how many after it.
            choose: what is wished for.
            dies: the one server that may end and be started again.

        Returns:
            How often each unknown outcome was met.
        """
        told = self.crowd.told
        began = len(told.acknowledged)
        unknown, resolved, answers = Counter(told.unknown), Counter(told.resolved), Counter(told.answers)
        away, processes = Counter(told.turned_away), self.processes(but=dies)
        ended, meanwhile = uvloop.run(self._pay(fault, before, after, choose))
        unknown, resolved, answers = told.unknown - unknown, told.resolved - resolved, told.answers - answers
        recovery = told.recovery_seconds(ended)
        with Auditor(self.database_url) as auditor:
            ledger = auditor.read_ledger()
        stored = Counter(one.transaction_id for one in ledger.transactions)
        lost = sum(stored[one.transaction_id] == 0 for one in told.acknowledged)
        doubled = len(ledger.transactions) - len({one.transaction_id for one in told.acknowledged})
        note(
            f"{what}: {len(told.acknowledged) - began} acknowledged, {meanwhile} of them meanwhile; {lost} lost,"
            f" {doubled} doubled; {unknown.total()} unknown {dict(unknown)} resolved {dict(resolved)};"
            f" turned away {dict(told.turned_away - away)}; recovered {recovery:.2f} s after the fault"
        )
        assert violations(ledger) + disagreements(ledger, told.acknowledged) == []
        assert (lost, doubled) == (0, 0)
        assert resolved.total() == unknown.total()
        assert answers.keys() <= PROMISED
        assert meanwhile >= during
        assert recovery < RECOVERY_SECONDS_MAX
        # A supervisor would hide a server that cannot bear somebody else's trouble.
        assert self.processes(but=dies) == processes
        return unknown

    def processes(self, *, but: str = "") -> dict[str, int]:
        """Every server's process, but for one server's."""
        return {server.name: server.pid for server in self.topology.servers if server.name != but}

    def counted(self, counter: str, **labels: str) -> float:
        """What all application servers together have counted since they were started."""
        return sum(counted(server, counter, **labels) for server in self.topology.apps)

    async def _pay(
        self, fault: Callable[[], float | None], before: int, after: int, choose: Choose
    ) -> tuple[float, int]:
        """Pay until it is over. Returns when the fault ended, and how many were acknowledged while it lasted."""
        crowd = self.crowd
        told = crowd.told.acknowledged
        start = len(told)
        over = asyncio.Event()
        enough = asyncio.Event()
        last = 0

        async def work(client: LoadClient) -> None:
            while not (over.is_set() and len(told) >= last):
                await crowd.carry_out(client, choose(self.chance, crowd.emails))
                if len(told) >= start + before:
                    enough.set()

        async def strike() -> tuple[float, int]:
            nonlocal last
            await enough.wait()
            struck = len(told)
            ended = await asyncio.to_thread(fault) or time.monotonic()
            meanwhile = len(told) - struck
            last = len(told) + after
            over.set()
            return ended, meanwhile

        async with asyncio.TaskGroup() as group:
            group.create_task(crowd.with_clients(CLIENTS, work))
            striking = group.create_task(strike())
        return striking.result()


def counted(server: AppServer, counter: str, **labels: str) -> float:
    """What one application server has counted since it was started."""
    families = text_string_to_metric_families(httpx.get(server.metrics_url).text)
    return sum(
        sample.value
        for family in families
        for sample in family.samples
        if sample.name == counter and labels.items() <= sample.labels.items()
    )


def settle(port: int, jwt_key: str, prefix: str, amount: int = 100_000) -> Crowd:
    """A crowd whose members have signed up and topped up."""
    crowd = Crowd(port, [f"{prefix}{number}" for number in range(USERS)], jwt_key)
    uvloop.run(crowd.join(amount))
    return crowd
