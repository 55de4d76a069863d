"""Money is conserved while a crowd pays: in every snapshot, and to the last entry at the end."""

import random
import threading
import time
from collections import Counter
from typing import Self

import uvloop

from tests.figures import note
from tests.invariants import Auditor, wrong_totals
from tests.load import LoadClient, Town, Wish, random_wish

CLIENTS = 64
WISHES = 20_000
KEYED_SHARE = 0.25
LOOKED_UP_SHARE = 0.01
SNAPSHOT_PAUSE_SECONDS = 0.02
SEED = 20_261_123


class Snapshots:
    """Takes consistent snapshots on a connection of its own until told to stop."""

    def __init__(self, url: str) -> None:
        self.taken = 0
        self.wrong: list[str] = []
        self._url = url
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._take)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _take(self) -> None:
        with Auditor(self._url) as auditor:
            while not self._stop.wait(SNAPSHOT_PAUSE_SECONDS):
                totals = auditor.totals()
                self.wrong += wrong_totals(totals)
                self.taken += 1


def test_money_is_conserved_while_a_crowd_pays(town: Town) -> None:
    """20,000 payments by 64 clients create and lose nothing, in any snapshot, and what was told is what is there."""
    crowd, chance = town.crowd, random.Random(SEED)
    wishes = [random_wish(chance, crowd.emails, with_key=chance.random() < KEYED_SHARE) for _ in range(WISHES)]
    refused_before, told_before = Counter(crowd.told.refused), len(crowd.told.acknowledged)
    unseen: list[str] = []

    async def work(client: LoadClient) -> None:
        while wishes:
            wish = wishes.pop()
            reply = await crowd.carry_out(client, wish)
            if reply.http == 200 and chance.random() < LOOKED_UP_SHARE:
                page = await client.ask("GET", "/v1/transactions?limit=100", token=crowd.tokens[wish.payer])
                if str(reply.body["transaction_id"]) not in str(page.body["transactions"]):
                    unseen.append(str(reply.body["transaction_id"]))

    with Snapshots(town.service.database_url) as snapshots:
        began = time.monotonic()
        uvloop.run(crowd.with_clients(CLIENTS, work))
        took = time.monotonic() - began

    refused = crowd.told.refused - refused_before
    acknowledged = len(crowd.told.acknowledged) - told_before
    note(
        f"conservation: {WISHES} payments wished for by {CLIENTS} clients in {took:.1f} s: {acknowledged} acknowledged,"
        f" refused {dict(refused.most_common())}; {snapshots.taken} snapshots, {len(snapshots.wrong)} wrong"
    )
    assert snapshots.wrong == []
    assert snapshots.taken >= 20
    assert town.wrongs() == []
    assert unseen == []
    assert acknowledged + refused.total() == WISHES
    assert refused.keys() == {"insufficient_funds", "receiver_not_found", "self_payment", "invalid_request"}
    assert acknowledged > WISHES / 2


def test_balances_over_http_sum_to_what_was_topped_up(town: Town) -> None:
    """The balances that users are shown sum to what was ever topped up."""
    balances: list[int] = []

    async def work(client: LoadClient) -> None:
        for token in town.crowd.tokens.values():
            account = (await client.ask("GET", "/v1/account", token=token)).body["user"]
            assert isinstance(account, dict)
            balances.append(int(account["balance"].replace(".", "")))

    uvloop.run(town.crowd.with_clients(1, work))

    assert len(balances) == len(town.crowd.emails)
    assert sum(balances) == sum(one.amount for one in town.crowd.told.acknowledged if one.kind == "topup")
    assert min(balances) >= 0


def test_one_balance_is_spent_once(town: Town) -> None:
    """When 64 clients try at once to spend the same money, it is spent once, to the last of it."""
    crowd = town.crowd
    spender, receiver = crowd.emails[:2]
    outcomes: Counter[str] = Counter()

    async def balance(client: LoadClient) -> int:
        account = (await client.ask("GET", "/v1/account", token=crowd.tokens[spender])).body["user"]
        assert isinstance(account, dict)
        return int(account["balance"].replace(".", ""))

    async def rush() -> tuple[int, int, int]:
        client = LoadClient(crowd.port)
        await crowd.carry_out(client, Wish(spender, "", 1_000, ""))
        before = await balance(client)
        # Everybody wants three quarters, so only one can get it.
        wanted = before * 3 // 4

        async def spend(client: LoadClient) -> None:
            outcomes[(await crowd.carry_out(client, Wish(spender, receiver, wanted, ""))).code] += 1

        await crowd.with_clients(CLIENTS, spend)
        after = await balance(client)
        await client.close()
        return before, wanted, after

    before, wanted, after = uvloop.run(rush())

    assert outcomes == {"ok": 1, "insufficient_funds": CLIENTS - 1}
    assert after == before - wanted
    assert town.wrongs() == []
