"""kill -9 of every server of the production stack, while users pay through nginx."""

import random
import time

import pytest
import uvloop

from deploy.local.waiting import wait_until
from tests.figures import note
from tests.load import Intent, LoadClient, random_intent
from tests.production.conftest import Production
from tests.snapshots import Snapshots

INTENTS = 20_000


@pytest.mark.parametrize(("name", "during"), [("web1", 50), ("app1", 50), ("redis", 0), ("nginx", 0)])
def test_kill_loses_and_doubles_nothing(production: Production, name: str, during: int) -> None:
    """After kill -9 of any server, everything acknowledged is there once; where there are two, the other one serves."""
    production.pay_through(f"kill -9 of {name}", lambda: production.kill_and_wait(name), during=during, dies=(name,))
    wait_until(production.topology.is_ready, seconds=15, what="the service")


def test_two_application_servers_and_a_hot_account(production: Production) -> None:
    """Everybody pays to and from one account through both application servers: nothing is lost or made."""

    def to_or_from_one(chance: random.Random, emails: list[str]) -> Intent:
        intent = random_intent(chance, emails[1:], with_key=True)
        if chance.random() < 0.5:
            return intent._replace(user=emails[0])
        return intent._replace(receiver=emails[0])

    before = production.paid_by_each()
    production.pay_through(
        "hot account on two app servers", lambda: None, before=1500, after=200, choose=to_or_from_one
    )
    assert min(now - then for now, then in zip(production.paid_by_each(), before, strict=True)) > 200


def test_conservation_through_nginx(production: Production) -> None:
    """20,000 payments by 64 clients through nginx, two web and two app servers conserve money in every snapshot."""
    payers, chance = production.payers, random.Random(7)
    intents = [random_intent(chance, payers.emails, with_key=chance.random() < 0.25) for _ in range(INTENTS)]
    acknowledged = len(payers.told.acknowledged)

    async def work(client: LoadClient) -> None:
        while intents:
            await payers.carry_out(client, intents.pop())

    with Snapshots(production.database_url) as snapshots:
        began = time.monotonic()
        uvloop.run(payers.with_clients(64, work))
        took = time.monotonic() - began
    note(
        f"conservation behind nginx: {INTENTS} intents in {took:.1f} s, {len(payers.told.acknowledged) - acknowledged}"
        f" acknowledged; {snapshots.taken} snapshots, {len(snapshots.wrong)} wrong"
    )
    assert snapshots.wrong == []
    assert snapshots.taken >= 20
    production.pay_through("after conservation", lambda: None, before=1, after=200)
