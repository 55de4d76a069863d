"""kill -9 while users pay: what was acknowledged is there, once, and what was unknown can be asked for again."""

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable

import pytest
import uvloop

from shillings.audit.acknowledged import Acknowledged
from shillings.audit.auditor import Auditor
from tests.figures import note
from tests.load import Intent, LoadClient, LoadedService, Payers, random_intent
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
    """Kill the children and their parent, and start again."""
    for process in reversed(service.processes()):
        process.kill()
    service.kill()
    service.start()


async def pay_and_kill(payers: Payers, chance: random.Random, kill: Callable[[], None]) -> list[float]:
    """Let the users pay; kill whenever so many were acknowledged; return when each kill happened."""
    moments: list[float] = []
    told = payers.told.acknowledged
    last = len(told) + BEFORE * KILLS + AFTER

    progress = asyncio.Condition()

    async def work(client: LoadClient) -> None:
        while len(told) < last:
            await payers.carry_out(client, random_intent(chance, payers.emails, with_key=True))
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
        group.create_task(payers.with_clients(CLIENTS, work))
        group.create_task(killer())
    return moments


@pytest.mark.parametrize(
    ("layer", "kill"), [("web", kill_web), ("app", kill_app), ("everything", kill_everything)], ids=SEEDS.keys()
)
def test_kill_loses_and_doubles_nothing(loaded: LoadedService, layer: str, kill: Callable[[Service], None]) -> None:
    """Every acknowledged payment survives a kill, none is made twice, and repeating a key resolves every doubt."""
    told = loaded.payers.told
    acknowledged = len(told.acknowledged)
    unknown, resolved = Counter(told.unknown), Counter(told.resolved)

    moments = uvloop.run(pay_and_kill(loaded.payers, random.Random(SEEDS[layer]), lambda: kill(loaded.service)))

    recoveries = [told.recovery_seconds(moment) for moment in moments]
    with Auditor(loaded.service.database_url) as auditor:
        audit = auditor.audit(told.acknowledged)
    unknown, resolved = told.unknown - unknown, told.resolved - resolved
    note(
        f"kill -9 of {layer} x {KILLS}: {len(told.acknowledged) - acknowledged} acknowledged,"
        f" {audit.count('lost')} lost, {audit.count('untold')} doubled, {unknown.total()} unknown {dict(unknown)},"
        f" resolved by the same key {dict(resolved)};"
        f" paying again after {', '.join(f'{seconds:.2f}' for seconds in recoveries)} s"
    )
    assert audit.findings == []
    assert unknown.total() > 0
    assert resolved.total() == unknown.total()
    assert max(recoveries) < RECOVERY_SECONDS_MAX


def test_request_without_a_key_is_never_repeated_for_its_sender(loaded: LoadedService) -> None:
    """While the application layer is killed, a top-up that nobody asked for again is made at most once."""
    told = loaded.payers.told
    amounts = iter(range(1_000_000, 2_000_000))
    unknown: list[Intent] = []

    async def work(client: LoadClient) -> None:
        while len(told.acknowledged) < last:
            intent = Intent(loaded.payers.emails[0], "", next(amounts), "", "topup")
            doubts: list[str] = []
            await loaded.payers.try_once(client, intent, doubts)
            if doubts:
                unknown.append(intent)
            if not unknown and len(told.acknowledged) >= kill_at[-1]:
                # A moment later, when the next requests are on their way; once more if that met none of them.
                kill_at.append(len(told.acknowledged) + 150)
                asyncio.get_running_loop().call_later(0.004, kill_app, loaded.service)

    kill_at = [len(told.acknowledged) + BEFORE]
    last = len(told.acknowledged) + BEFORE + AFTER
    uvloop.run(loaded.payers.with_clients(CLIENTS, work))

    with Auditor(loaded.service.database_url) as auditor:
        made = [one for one in auditor.transactions() if one.kind == "topup" and one.amount >= 1_000_000]
    in_doubt = {intent.amount for intent in unknown}
    resolved = [one for one in made if one.amount in in_doubt]
    # Each amount was asked for once, so what the ledger holds of those in doubt is the truth about them.
    told.acknowledged += [Acknowledged(*one) for one in resolved]
    note(f"app killed: {len(unknown)} top-ups without a key unknown, {len(resolved)} of them made, none twice")
    assert unknown
    assert len(made) == len({one.amount for one in made})
    assert loaded.wrongs() == []
