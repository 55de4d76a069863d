"""Money is conserved while users pay: in every snapshot, and to the last entry at the end."""

import random
import time
from collections import Counter

import uvloop

from tests.figures import note
from tests.load import Intent, LoadClient, LoadedService, random_intent
from tests.snapshots import Snapshots

CLIENTS = 64
INTENTS = 20_000
KEYED_SHARE = 0.25
LOOKED_UP_SHARE = 0.01
SEED = 20_261_123


def test_money_is_conserved_while_users_pay(loaded: LoadedService) -> None:
    """20,000 payments by 64 clients create and lose nothing, in any snapshot, and what was told is what is there."""
    payers, chance = loaded.payers, random.Random(SEED)
    intents = [random_intent(chance, payers.emails, with_key=chance.random() < KEYED_SHARE) for _ in range(INTENTS)]
    refused_before, told_before = Counter(payers.told.refused), len(payers.told.acknowledged)
    unseen: list[str] = []

    async def work(client: LoadClient) -> None:
        while intents:
            intent = intents.pop()
            reply = await payers.carry_out(client, intent)
            if reply.http == 200 and chance.random() < LOOKED_UP_SHARE:
                page = await client.ask("GET", "/v1/transactions?limit=100", token=payers.tokens[intent.user])
                if str(reply.body["transaction_id"]) not in str(page.body["transactions"]):
                    unseen.append(str(reply.body["transaction_id"]))

    with Snapshots(loaded.service.database_url) as snapshots:
        began = time.monotonic()
        uvloop.run(payers.with_clients(CLIENTS, work))
        took = time.monotonic() - began

    refused = payers.told.refused - refused_before
    acknowledged = len(payers.told.acknowledged) - told_before
    note(
        f"conservation: {INTENTS} payments intended by {CLIENTS} clients in {took:.1f} s: {acknowledged} acknowledged,"
        f" refused {dict(refused.most_common())}; {snapshots.taken} snapshots, {len(snapshots.wrong)} wrong"
    )
    assert snapshots.wrong == []
    assert snapshots.taken >= 20
    assert loaded.wrongs() == []
    assert unseen == []
    assert acknowledged + refused.total() == INTENTS
    assert refused.keys() == {"insufficient_funds", "receiver_not_found", "self_payment", "invalid_request"}
    assert acknowledged > INTENTS / 2


def test_balances_over_http_sum_to_what_was_topped_up(loaded: LoadedService) -> None:
    """The balances that users are shown sum to what was ever topped up."""
    balances: list[int] = []

    async def work(client: LoadClient) -> None:
        for token in loaded.payers.tokens.values():
            account = (await client.ask("GET", "/v1/account", token=token)).body["user"]
            assert isinstance(account, dict)
            balances.append(int(account["balance"].replace(".", "")))

    uvloop.run(loaded.payers.with_clients(1, work))

    assert len(balances) == len(loaded.payers.emails)
    assert sum(balances) == sum(one.amount for one in loaded.payers.told.acknowledged if one.kind == "topup")
    assert min(balances) >= 0


def test_one_balance_is_spent_once(loaded: LoadedService) -> None:
    """When 64 clients try at once to spend the same money, it is spent once, to the last of it."""
    payers = loaded.payers
    spender, receiver = payers.emails[:2]
    outcomes: Counter[str] = Counter()

    async def balance(client: LoadClient) -> int:
        account = (await client.ask("GET", "/v1/account", token=payers.tokens[spender])).body["user"]
        assert isinstance(account, dict)
        return int(account["balance"].replace(".", ""))

    async def rush() -> tuple[int, int, int]:
        client = LoadClient(payers.port)
        await payers.carry_out(client, Intent(spender, "", 1_000, "", "topup"))
        before = await balance(client)
        # Everybody wants three quarters, so only one can get it.
        wanted = before * 3 // 4

        async def spend(client: LoadClient) -> None:
            outcomes[(await payers.carry_out(client, Intent(spender, receiver, wanted, ""))).code] += 1

        await payers.with_clients(CLIENTS, spend)
        after = await balance(client)
        client.close()
        return before, wanted, after

    before, wanted, after = uvloop.run(rush())

    assert outcomes == {"ok": 1, "insufficient_funds": CLIENTS - 1}
    assert after == before - wanted
    assert loaded.wrongs() == []
