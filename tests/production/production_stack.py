"""A running production stack with users who pay on it, and what is said of them at the end."""

import asyncio
import itertools
import os
import random
import signal
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import httpx
import uvloop
from prometheus_client.parser import text_string_to_metric_families

from deploy.local.server import Server
from deploy.local.shillings import AppServer
from deploy.local.topology import Topology
from deploy.local.waiting import wait_until
from shillings.audit.acknowledged import Acknowledged
from shillings.audit.auditor import Audit, Auditor
from tests.figures import note
from tests.load import Intent, LoadClient, Payers, payers_on, random_intent

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
"""Every answer that `any_intent` may get, whatever breaks. A 503 that was applied all the same would be found out: then
the same key is asked again, and the answer to that would be a replay."""

Choose = Callable[[random.Random, list[str]], Intent]


def any_intent(chance: random.Random, emails: list[str]) -> Intent:
    """A payment like others, with a key, so that every unknown outcome can be resolved."""
    return random_intent(chance, emails, with_key=True)


@dataclass(kw_only=True)
class Paying(ABC):
    """Users who pay through whatever happens to the servers.

    Args:
        payers: everybody who pays, and everything they were told.
        chance: chooses what is intended.
        recovery_seconds_max: how long after a fault the first payment may come.
    """

    payers: Payers
    chance: random.Random = field(default_factory=lambda: random.Random(20_261_123))
    recovery_seconds_max: float = RECOVERY_SECONDS_MAX

    def pay_through(
        self,
        what: str,
        fault: Callable[[], float | None],
        *,
        before: int = 300,
        during: int = 0,
        after: int = 300,
        choose: Choose = any_intent,
        dies: tuple[str, ...] = (),
    ) -> Counter[str]:
        """Pay, let something happen, go on paying; then compare the ledger with everything that was told.

        Args:
            what: the fault's name, for the figures.
            fault: makes it happen, and heals what does not heal by itself; may return when it ended.
            before: how many payments are acknowledged before it happens.
            during: how many at the least while it lasts.
            after: how many after it.
            choose: what is intended.
            dies: the servers that may end and be started again.

        Returns:
            How often each unknown outcome was met.
        """
        told = self.payers.told
        began = len(told.acknowledged)
        unknown, resolved, answers = Counter(told.unknown), Counter(told.resolved), Counter(told.answers)
        not_done, processes = Counter(told.not_done), self.processes(but=dies)
        ended, meanwhile = uvloop.run(self._pay(fault, before, after, choose))
        unknown, resolved, answers = told.unknown - unknown, told.resolved - resolved, told.answers - answers
        recovery = told.recovery_seconds(ended)
        audit = self.audit()
        note(
            f"{what}: {len(told.acknowledged) - began} acknowledged, {meanwhile} of them meanwhile;"
            f" {audit.count('lost')} lost, {audit.count('untold')} doubled;"
            f" {unknown.total()} unknown {dict(unknown)} resolved {dict(resolved)};"
            f" not done {dict(told.not_done - not_done)}; recovered {recovery:.2f} s after the fault;"
            f" {longest_pause(told.acknowledged[began:]):.2f} s without a payment"
        )
        assert audit.findings == []
        assert resolved.total() == unknown.total()
        assert answers.keys() <= PROMISED
        assert meanwhile >= during
        assert recovery < self.recovery_seconds_max
        # A supervisor would hide a server that cannot bear somebody else's failure.
        assert self.processes(but=dies) == processes
        return unknown

    @abstractmethod
    def audit(self) -> Audit:
        """What an auditor says of the ledger, held against everything that was told."""

    @abstractmethod
    def processes(self, *, but: tuple[str, ...] = ()) -> Mapping[str, object]:
        """What tells whether a server has been started again, of every server but for some."""

    async def _pay(
        self, fault: Callable[[], float | None], before: int, after: int, choose: Choose
    ) -> tuple[float, int]:
        """Pay until it is over. Returns when the fault ended, and how many were acknowledged while it lasted."""
        payers = self.payers
        told = payers.told.acknowledged
        start = len(told)
        over = asyncio.Event()
        enough = asyncio.Event()
        last = 0

        async def work(client: LoadClient) -> None:
            while not (over.is_set() and len(told) >= last):
                await payers.carry_out(client, choose(self.chance, payers.emails))
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
            group.create_task(payers.with_clients(CLIENTS, work))
            striking = group.create_task(strike())
        return striking.result()


@dataclass(kw_only=True)
class PayingStack(Paying):
    """A stack of processes, and users who pay on it.

    Args:
        topology: the servers.
        database_url: what the auditor reads.
    """

    topology: Topology
    database_url: str

    def audit(self) -> Audit:
        """See `Paying`."""
        with Auditor(self.database_url) as auditor:
            return auditor.audit(self.payers.told.acknowledged)

    def processes(self, *, but: tuple[str, ...] = ()) -> dict[str, int]:
        """Every server's process, but for some servers'."""
        return {server.name: server.pid for server in self.topology.servers if server.name not in but}

    def server(self, name: str) -> Server:
        """One server of the stack."""
        return next(server for server in self.topology.servers if server.name == name)

    def kill_and_wait(self, name: str) -> float:
        """Kill -9; wait for the new one; return the moment at which it was started, the end of the fault."""
        server = self.server(name)
        before = server.pid
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: server.alive and server.pid != before, seconds=15, what=f"a new {name}")
        ended = time.monotonic()
        wait_until(server.answers, seconds=15, what=f"an answer of the new {name}")
        return ended

    def paid_by_each(self) -> list[float]:
        """How many payments each application server has made."""
        labels = {"command": "PAY", "code": "ok"}
        return [counted(server, "shillings_command_seconds_count", **labels) for server in self.topology.apps]

    def counted(self, counter: str, **labels: str) -> float:
        """What all application servers together have counted since they were started."""
        return sum(counted(server, counter, **labels) for server in self.topology.apps)


def longest_pause(acknowledged: list[Acknowledged]) -> float:
    """The longest time between two acknowledgements, in seconds. Those that were found out later do not count."""
    moments = sorted(one.ended for one in acknowledged if one.ended)
    return max((later - earlier for earlier, later in itertools.pairwise(moments)), default=0.0)


def counted(server: AppServer, counter: str, **labels: str) -> float:
    """What one application server has counted since it was started."""
    families = text_string_to_metric_families(httpx.get(server.metrics_url).text)
    return sum(
        sample.value
        for family in families
        for sample in family.samples
        if sample.name == counter and labels.items() <= sample.labels.items()
    )


def settle(port: int, jwt_key: str, prefix: str, amount: int = 100_000) -> Payers:
    """Users who have signed up and topped up."""
    payers = payers_on(port, [f"{prefix}{number}" for number in range(USERS)], jwt_key)
    uvloop.run(payers.join(amount))
    return payers
