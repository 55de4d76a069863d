"""Three Galera nodes behind HAProxy: paying goes on when the node that is written to dies, hangs, or is cut off."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx
import psutil
import pytest

from deploy.local.galera import Cluster, GaleraNode
from deploy.local.shillings import AppServer
from deploy.local.topology import Topology
from deploy.local.waiting import wait_until
from shillings.audit.acknowledged import Acknowledged
from shillings.audit.auditor import Auditor
from tests.production.production_stack import PayingStack, settle
from tests.programs import require_programs
from tests.proxy import Proxy

LAG_SECONDS = 1.0
AMOUNT_MINOR = 50
WHOLE_SECONDS_MAX = 60.0


@dataclass(kw_only=True)
class Clustered(PayingStack):
    """The whole stack on a cluster."""

    cluster: Cluster

    def wait_until_whole(self) -> None:
        """Return when all nodes are one cluster and HAProxy would use any of them."""
        nodes = {node.name for node in self.cluster.galera.nodes}
        wait_until(lambda: self.cluster.galera.size == len(nodes), seconds=WHOLE_SECONDS_MAX, what="a whole cluster")
        wait_until(lambda: self.cluster.haproxy.healthy_nodes() == nodes, seconds=10, what="healthy nodes")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clustered]:
    """nginx, two web and two application servers, Redis, HAProxy, three nodes, all supervised; and users who pay."""
    require_programs("mariadbd", "mariadb-backup", "haproxy", "redis-server", "nginx", "ss", galera=True)
    folder = tmp_path_factory.mktemp("cluster")
    cluster = Cluster(folder)
    with Topology(folder, database=cluster, supervised=True) as topology:
        payers = settle(topology.nginx.port, topology.settings["JWT_KEYS"], "user")
        yield Clustered(payers=payers, database_url=cluster.url, topology=topology, cluster=cluster)


@pytest.fixture
def clustered(whole: Clustered) -> Iterator[Clustered]:
    """The stack, with its cluster whole before and after; and at the end every node has the same books."""
    whole.wait_until_whole()
    yield whole
    whole.wait_until_whole()
    books = []
    for node in whole.cluster.galera.nodes:
        with Auditor(node.url) as auditor:
            books.append((auditor.totals(), auditor.transactions()))
    assert books[0] == books[1] == books[2]


def die(stack: Clustered, writer: GaleraNode) -> float:
    """Kill -9. Whoever watches starts it again, and it catches up."""
    os.kill(writer.pid, signal.SIGKILL)
    return time.monotonic()


def die_with_the_cache(stack: Clustered, writer: GaleraNode) -> float:
    """Kill -9 of the writer and of Redis at once."""
    stack.topology.redis.kill(stays_down=True)
    return die(stack, writer)


@contextmanager
def hanging(stack: Clustered, writer: GaleraNode) -> Iterator[None]:
    """A node that is stopped (SIGSTOP), its connections open."""
    writer.pause()
    try:
        yield
    finally:
        writer.resume()


@contextmanager
def cut_off(stack: Clustered, writer: GaleraNode) -> Iterator[None]:
    """A node whose group hears nothing from it, nor it from them, while clients reach it as before."""
    with writer.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET GLOBAL wsrep_provider_options = 'gmcast.isolate=1'")
        try:
            yield
        finally:
            cursor.execute("SET GLOBAL wsrep_provider_options = 'gmcast.isolate=0'")


@pytest.mark.parametrize("fault", [die, die_with_the_cache])
def test_the_writer_dies(clustered: Clustered, fault: Callable[[Clustered, GaleraNode], float]) -> None:
    """Kill -9 of the node that is written to loses nothing acknowledged; paying goes on at another node."""
    writer = clustered.cluster.writer()
    what = f"galera: {fault.__name__.replace('_', ' ')}"
    clustered.pay_through(what, lambda: fault(clustered, writer), dies=(writer.name, "redis"))
    clustered.topology.redis.start()

    assert clustered.cluster.writer() is not writer


def test_a_power_cut(clustered: Clustered, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kill -9 of all nodes at once loses nothing acknowledged: when all are back they are a cluster by themselves."""
    nodes = clustered.cluster.galera.nodes
    before = {node.name: node.pid for node in nodes}

    def cut() -> float:
        for process in before.values():
            os.kill(process, signal.SIGKILL)
        wait_until(
            lambda: all(node.alive and node.pid != before[node.name] for node in nodes),
            seconds=30, what="all nodes to be started again",
        )  # fmt: skip
        return time.monotonic()

    monkeypatch.setattr(clustered, "recovery_seconds_max", WHOLE_SECONDS_MAX)
    clustered.pay_through("galera: all nodes die at once", cut, dies=tuple(before))


@pytest.mark.parametrize("fault", [hanging, cut_off])
def test_the_writer_is_out_of_reach(
    clustered: Clustered, fault: Callable[[Clustered, GaleraNode], AbstractContextManager[None]]
) -> None:
    """While the writer hangs or is cut off paying goes on elsewhere, and stays there when it is back."""
    writer = clustered.cluster.writer()

    def strike() -> None:
        told, haproxy = clustered.payers.told.acknowledged, clustered.cluster.haproxy
        with fault(clustered, writer):
            wait_until(lambda: haproxy.healthy_nodes() == others, seconds=15, what="its being noticed")
            enough = len(told) + 200
            wait_until(lambda: len(told) >= enough, seconds=15, what="payments without it")

    others = {node.name for node in clustered.cluster.galera.nodes if node is not writer}
    clustered.pay_through(f"galera: the writer is {fault.__name__.replace('_', ' ')}", strike, during=200)
    now = clustered.cluster.writer()
    clustered.wait_until_whole()

    assert now is not writer
    assert clustered.cluster.writer() is now


def test_rolling_upgrade_of_application_servers(clustered: Clustered) -> None:
    """Application servers are stopped and started one after the other under load, and no outcome is unknown."""
    webs = clustered.topology.webs

    def is_known_to_all(app: AppServer) -> bool:
        links = psutil.Process(app.pid).net_connections("tcp")
        known = [one for one in links if one.laddr.port == app.port and one.status == psutil.CONN_ESTABLISHED]
        return len(known) >= len(webs)

    def upgrade() -> None:
        for app in clustered.topology.apps:
            app.restart()
            wait_until(lambda app=app: is_known_to_all(app), seconds=15, what="its web servers")  # type: ignore[misc]

    before = [app.pid for app in clustered.topology.apps]
    what = "galera: rolling upgrade of app1 and app2"
    unknown = clustered.pay_through(what, upgrade, during=100, dies=("app1", "app2"))

    assert not set(before) & {app.pid for app in clustered.topology.apps}
    assert unknown.total() == 0


@contextmanager
def lagging(node: GaleraNode) -> Iterator[threading.Timer]:
    """A node that applies nothing of what the others commit, until the timer has run out."""
    with node.connect() as connection, connection.cursor() as cursor:
        cursor.execute("FLUSH TABLES WITH READ LOCK")
        timer = threading.Timer(LAG_SECONDS, lambda: cursor.execute("UNLOCK TABLES"))
        yield timer
        timer.join()


@pytest.fixture
def without_waiting(clustered: Clustered) -> Iterator[list[GaleraNode]]:
    """Two nodes that do not wait for the others by themselves."""
    nodes = clustered.cluster.galera.nodes[:2]
    for wait in (0, 1):
        for node in nodes:
            with node.connect() as connection, connection.cursor() as cursor:
                cursor.execute(f"SET GLOBAL wsrep_sync_wait = {wait}")
        if wait == 0:
            yield nodes


def test_a_node_that_lags(clustered: Clustered, without_waiting: list[GaleraNode], tmp_path: Path) -> None:
    """After a change of node, a balance and a repeated key are as of the last payment at the node that was left."""
    first, second = without_waiting
    email, token = next(iter(clustered.payers.tokens.items()))
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "once"}
    settings = {"JWT_KEYS": clustered.topology.settings["JWT_KEYS"]}
    with (
        Proxy(first.port) as proxy,
        Topology(
            tmp_path,
            web=1,
            app=1,
            nginx=False,
            database=first.url.replace(f":{first.port}/", f":{proxy.port}/"),
            redis=clustered.topology.redis,
            settings=settings,
        ) as topology,
        httpx.Client(base_url=topology.url, headers=headers, timeout=10) as client,
    ):
        before = balance(client)
        with lagging(second) as catching_up:
            told = top_up(client)
            proxy.forward_to(second.port)
            proxy.cut()
            catching_up.start()
            after = balance(client)
            again = top_up(client)

    transaction_id = UUID(told.json()["transaction_id"]).bytes
    clustered.payers.told.acknowledged.append(Acknowledged(transaction_id, "topup", "", email, AMOUNT_MINOR))
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
