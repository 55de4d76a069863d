"""kill -9 of application servers, the web server and the database in turns, while money moves in every way."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvloop

from deploy.local.mariadb import MariaDB
from deploy.local.topology import Topology
from shillings.audit.auditor import Auditor
from shillings.audit.findings import Finding
from tests.events import wrong_events
from tests.figures import note
from tests.movements import Movers, move_while
from tests.production.production_stack import PROMISED, RECOVERY_SECONDS_MAX, PayingStack, settle
from tests.programs import require_programs
from tests.snapshots import Snapshots

CLIENTS = 24
BETWEEN = 150
"""Movements that are done between two kills."""

TURNS = ("app1", "web1", "mariadb", "app2", "mariadb")
REFUSED = {(409, "hold_already_captured"), (409, "hold_already_voided"), (422, "refund_exceeds_payment")}


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[PayingStack]:
    """One web and two application servers on MariaDB that keep everybody's events; what dies is started again."""
    require_programs("mariadbd", "redis-server")
    database = MariaDB(tmp_path / "mariadb")
    settings = {"EVENTS": "always"}
    with Topology(
        tmp_path, web=1, app=2, webhooks=0, nginx=False, database=database, supervised=True, settings=settings
    ) as topology:
        payers = settle(topology.webs[0].port, topology.settings["JWT_KEYS"], "mover")
        yield PayingStack(payers=payers, database_url=database.url, topology=topology)


def books(auditor: Auditor) -> list[Finding]:
    """What is wrong with the whole ledger in one snapshot: its sums, its holds, its refunds, each of its lines."""
    return auditor.audit().findings


def test_every_movement_survives_kills(stack: PayingStack) -> None:
    """Whatever dies, money is conserved in every snapshot, each hold ends once, and what was told is there, once."""
    told, movers = stack.payers.told, Movers(stack.payers, random.Random(20_261_126))
    recovered: list[float] = []

    async def kill_in_turns() -> None:
        for name in TURNS:
            await movers.reached(BETWEEN)
            ended = await asyncio.to_thread(stack.kill_and_wait, name)
            await movers.reached(BETWEEN)
            recovered.append(told.recovery_seconds(ended))

    began = time.monotonic()
    with Snapshots(stack.database_url, (books, wrong_events), database_dies=True) as snapshots:
        uvloop.run(move_while(movers, CLIENTS, kill_in_turns()))
    took = time.monotonic() - began
    audit = stack.audit()
    with Auditor(stack.database_url) as auditor:
        events = wrong_events(auditor)
    unknown, resolved = Counter(told.unknown), Counter(told.resolved)
    note(
        f"kill -9 of {', '.join(TURNS)} in {took:.1f} s: {dict(movers.done.most_common())} done,"
        f" {audit.count('lost')} lost, {audit.count('untold')} doubled; {unknown.total()} unknown {dict(unknown)},"
        f" resolved {dict(resolved)}; refused {dict(told.refused)};"
        f" {snapshots.taken} snapshots, {len(snapshots.wrong)} wrong; recovered after at most {max(recovered):.2f} s"
    )
    assert snapshots.wrong == []
    assert snapshots.taken >= 5
    assert audit.findings == []
    assert events == []
    assert movers.wrong == []
    assert told.answers.keys() <= PROMISED | REFUSED
    assert unknown.total() == resolved.total() > 0
    assert max(recovered) < RECOVERY_SECONDS_MAX
    assert movers.done.keys() == {"topup", "payment", "refund", "hold", "capture", "release"}
