"""Three Galera nodes: paying goes on at another one when the one that is written to dies, or is left."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

import httpx
import pytest

from deploy.local.galera import Galera, GaleraNode
from deploy.local.topology import Topology
from tests.invariants import Acknowledged
from tests.production.stand import Stand, settle
from tests.programs import require_programs
from tests.proxy import Proxy

LAG_SECONDS = 1.0
AMOUNT_MINOR = 50


@dataclass(kw_only=True)
class Clustered(Stand):
    """One web and one application server, whose way to the cluster a proxy chooses."""

    galera: Galera
    proxy: Proxy


@pytest.fixture(scope="module")
def clustered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clustered]:
    """A stack on the first of three nodes, and a crowd. Only the auditor's node waits for the others by itself."""
    require_programs("mariadbd", "redis-server", "rsync", "ss", galera=True)
    with Galera() as galera, Proxy(galera.nodes[0].port) as proxy:
        for node in galera.nodes[:2]:
            with node.connect() as connection, connection.cursor() as cursor:
                cursor.execute("SET GLOBAL wsrep_sync_wait = 0")
        url = galera.nodes[0].url.replace(f":{galera.nodes[0].port}/", f":{proxy.port}/")
        folder = tmp_path_factory.mktemp("clustered")
        with Topology(folder, web=1, app=1, nginx=False, database=url, supervised=True) as topology:
            crowd = settle(topology.webs[0].port, topology.settings["JWT_KEYS"], "user")
            url = galera.nodes[2].url
            yield Clustered(crowd=crowd, database_url=url, topology=topology, galera=galera, proxy=proxy)


@contextmanager
def lagging(node: GaleraNode) -> Iterator[threading.Timer]:
    """A node that applies nothing of what the others commit, until the timer has run out."""
    with node.connect() as connection, connection.cursor() as cursor:
        cursor.execute("FLUSH TABLES WITH READ LOCK")
        timer = threading.Timer(LAG_SECONDS, lambda: cursor.execute("UNLOCK TABLES"))
        yield timer
        timer.join()


def test_a_node_that_lags(clustered: Clustered) -> None:
    """After a change of node, a balance and a repeated key are as of the last payment at the node that was left."""
    second = clustered.galera.nodes[1]
    email, token = next(iter(clustered.crowd.tokens.items()))
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "once"}
    with httpx.Client(base_url=clustered.topology.url, headers=headers, timeout=10) as client:
        before = balance(client)
        with lagging(second) as catching_up:
            told = top_up(client)
            clustered.proxy.forward_to(second.port)
            clustered.proxy.cut()
            catching_up.start()
            after = balance(client)
            again = top_up(client)

    transaction_id = UUID(told.json()["transaction_id"]).bytes
    clustered.crowd.told.acknowledged.append(Acknowledged(transaction_id, "topup", "", email, AMOUNT_MINOR))
    assert after == before + AMOUNT_MINOR
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.content == told.content


def balance(client: httpx.Client) -> int:
    """The user's balance in minor units."""
    reply = client.get("/v1/account")
    assert reply.status_code == 200, reply.text
    return int(reply.json()["user"]["balance"].replace(".", ""))


def top_up(client: httpx.Client) -> httpx.Response:
    """Top up, and be told that it is done."""
    reply = client.post("/v1/topup", json={"amount": f"0.{AMOUNT_MINOR}"})
    assert reply.status_code == 200, reply.text
    return reply


def test_the_writing_node_dies(clustered: Clustered) -> None:
    """Kill -9 of the node that is written to loses nothing acknowledged; paying goes on at another node."""
    first, second, _ = clustered.galera.nodes
    clustered.proxy.forward_to(first.port)
    clustered.proxy.cut()

    def die_and_move() -> float:
        os.kill(first.pid, signal.SIGKILL)
        clustered.proxy.forward_to(second.port)
        return time.monotonic()

    clustered.pay_through("galera: the writing node dies", die_and_move)
