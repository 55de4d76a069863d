"""kill -9 while a crowd pays: what was acknowledged is there, once, and what was unknown can be asked for again."""

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable

import pytest
import uvloop

from tests.figures import note
from tests.invariants import Acknowledged, Auditor
from tests.load import Crowd, LoadClient, Town, Wish, random_wish
from tests.service import Service

CLIENTS = 64
BEFORE, AFTER = 800, 800
KILLS = 2
RECOVERY_SECONDS_MAX = 8.0
SEEDS = {"web": 1, "app": 2, "everything": 3}


def kill_web(service: Service) -> None:
    """Kill the web layer's process."""
    os.kill(service.webs[0].pid, signal.SIGKILL)


def kill_app(service: Service) -> None:
    """Kill the application layer's process."""
    os.kill(service.app.pid, signal.SIGKILL)


def kill_everything(service: Service) -> None:
    """Kill the children and their parent, and start anew."""
    for process in reversed(service.processes()):
        process.kill()
    service.kill()
    service.start()


async def pay_and_kill(crowd: Crowd, chance: random.Random, kill: Callable[[], None]) -> list[float]:
    """Let the crowd pay; kill whenever so many were acknowledged; return when each kill happened."""
    moments: list[float] = []
    told = crowd.told.acknowledged
    last = len(told) + BEFORE * KILLS + AFTER

    progress = asyncio.Condition()

    async def work(client: LoadClient) -> None:
        while len(told) < last:
            await crowd.carry_out(client, random_wish(chance, crowd.emails, with_key=True))
            async with progress:
                progress.notify_all()

    async def reached(count: int) -> None:
        async with progress:
            await progress.wait_for(lambda: len(told) >= count)

    async def killer() -> None:
        for _ in range(KILLS):
            await reached(len(told) + BEFORE)
            moments.append(time.monotonic())
            await asyncio.to_thread(kill)

    async with asyncio.TaskGroup() as group:
        group.create_task(crowd.with_clients(CLIENTS, work))
        group.create_task(killer())
    return moments


@pytest.mark.parametrize(
    ("layer", "kill"), [("web", kill_web), ("app", kill_app), ("everything", kill_everything)], ids=SEEDS.keys()
)
def test_kill_loses_and_doubles_nothing(town: Town, layer: str, kill: Callable[[Service], None]) -> None:
    """Every acknowledged payment survives a kill, none is made twice, and repeating a key resolves every doubt."""
    told = town.crowd.told
    acknowledged = len(told.acknowledged)
    unknown, resolved = Counter(told.unknown), Counter(told.resolved)

    moments = uvloop.run(pay_and_kill(town.crowd, random.Random(SEEDS[layer]), lambda: kill(town.service)))

    recoveries = [told.recovery_seconds(moment) for moment in moments]
    with Auditor(town.service.database_url) as auditor:
        ledger = auditor.read_ledger()
    stored = Counter(transaction.transaction_id for transaction in ledger.transactions)
    lost = sum(stored[one.transaction_id] == 0 for one in told.acknowledged)
    doubled = len(ledger.transactions) - len({one.transaction_id for one in told.acknowledged})
    unknown, resolved = told.unknown - unknown, told.resolved - resolved
    note(
        f"kill -9 of {layer} x {KILLS}: {len(told.acknowledged) - acknowledged} acknowledged, {lost} lost,"
        f" {doubled} doubled, {unknown.total()} unknown {dict(unknown)}, resolved by the same key {dict(resolved)};"
        f" paying again after {', '.join(f'{seconds:.2f}' for seconds in recoveries)} s"
    )
    assert town.wrongs() == []
    assert (lost, doubled) == (0, 0)
    assert unknown.total() > 0
    assert resolved.total() == unknown.total()
    assert max(recoveries) < RECOVERY_SECONDS_MAX


def test_request_without_a_key_is_never_repeated_for_its_sender(town: Town) -> None:
    """While the application layer is killed, a top-up that nobody asked for again is made at most once."""
    told = town.crowd.told
    amounts = iter(range(1_000_000, 2_000_000))
    unknown: list[Wish] = []

    async def work(client: LoadClient) -> None:
        while len(told.acknowledged) < last:
            wish = Wish(town.crowd.emails[0], "", next(amounts), "")
            doubts: list[str] = []
            await town.crowd.try_once(client, wish, doubts)
            if doubts:
                unknown.append(wish)
            if not unknown and len(told.acknowledged) >= kill_at[-1]:
                # A moment later, when the next requests are on their way; once more if that met none of them.
                kill_at.append(len(told.acknowledged) + 150)
                asyncio.get_running_loop().call_later(0.004, kill_app, town.service)

    kill_at = [len(told.acknowledged) + BEFORE]
    last = len(told.acknowledged) + BEFORE + AFTER
    uvloop.run(town.crowd.with_clients(CLIENTS, work))

    with Auditor(town.service.database_url) as auditor:
        made = [one for one in auditor.read_ledger().transactions if one.kind == "topup" and one.amount >= 1_000_000]
    in_doubt = {wish.amount for wish in unknown}
    resolved = [one for one in made if one.amount in in_doubt]
    # Each amount was asked for once, so what the ledger holds of those in doubt is the truth about them.
    told.acknowledged += [Acknowledged(one[0], one[1], one[3], one[5], one[6]) for one in resolved]
    note(f"app killed: {len(unknown)} top-ups without a key unknown, {len(resolved)} of them made, none twice")
    assert unknown
    assert len(made) == len({one.amount for one in made})
    assert town.wrongs() == []
