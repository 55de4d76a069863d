"""The compose file's cluster: three Galera nodes behind HAProxy, which go on without the one that is written to."""

import json
import re
import time
from collections.abc import Iterator

import httpx
import pytest

from deploy.local.waiting import wait_until
from tests.containers.stack import COMPOSE, Relay, Stack
from tests.figures import note
from tests.pages import ROOT, blocks, read, section

NODES = {"node1": "mariadb-1", "node2": "mariadb-2-1", "node3": "mariadb-3-1"}
"""By HAProxy's names."""

HEALTHY_SECONDS_MAX = 60.0


@pytest.fixture(scope="module")
def cluster(started: Stack) -> Iterator[Stack]:
    """The stack on a cluster, which has begun with what one server knew."""
    project = started.project
    if project.containers():
        project.run("make", "stop")
    project.profile = "cluster"
    try:
        began = time.monotonic()
        project.run(*COMPOSE, "up", "--detach", "--wait", "--scale", "web=2")
        note(f"containers: the cluster {time.monotonic() - began:.0f} s until everything is healthy")
        yield started
    finally:
        project.run(*COMPOSE, "kill")
        project.run(*COMPOSE, "down")
        project.profile = ""


@pytest.fixture
def clustered(cluster: Stack) -> Stack:
    """The same, with every node in step."""
    wait_until(
        lambda: {cluster.health()[name] for name in NODES.values()} == {"healthy"},
        seconds=HEALTHY_SECONDS_MAX, what="every node to be in step", interval=0.5,
    )  # fmt: skip
    return cluster


def writer(stack: Stack) -> str:
    """The container to which HAProxy sends everybody; empty when there is none."""
    address = stack.project.containers()["haproxy-1"]["NetworkSettings"]["Networks"]["shillings_storage"]["IPAddress"]
    with Relay(stack.project.folder / "metrics", stack.project.engine, address, 9100) as relay:
        sessions = re.findall(
            r'^haproxy_server_current_sessions\{proxy="database",server="(\w+)"\} (\d+)$',
            httpx.get(f"http://127.0.0.1:{relay.port}/metrics").text,
            re.MULTILINE,
        )
    return next((NODES[node] for node, count in sessions if int(count)), "")


def test_cluster_survives_its_writer(clustered: Stack) -> None:
    """Paying goes through nginx, and goes on when the writer's container is killed; nothing acknowledged is lost."""
    before = writer(clustered)

    def kill() -> None:
        clustered.crash(before)
        wait_until(lambda: writer(clustered) not in {"", before}, seconds=30, what="another writer", interval=0.1)

    clustered.pay_through("container of a cluster's writer killed", kill, dies=(before,))

    assert before in NODES.values()


def test_cluster_survives_its_entrance(clustered: Stack) -> None:
    """HAProxy's container is killed under load, with a node that only stands by; both come back, nothing is lost."""
    killed = ("haproxy-1", next(name for name in NODES.values() if name != writer(clustered)))

    clustered.pay_through("container of HAProxy killed, with a backup", lambda: clustered.crash(*killed), dies=killed)


def test_nodes_and_haproxy_are_told_no_secret(clustered: Stack) -> None:
    """The nodes that the first one fills, and HAProxy, are told no secret."""
    containers = clustered.project.containers()
    told = "".join(json.dumps(containers[name]) for name in ("mariadb-2-1", "mariadb-3-1", "haproxy-1"))

    assert [key for key, value in clustered.project.secrets().items() if value in told] == []


def test_cluster_survives_a_power_cut(clustered: Stack) -> None:
    """All nodes are killed at once under load; when all are back they are a cluster again, and nothing is lost."""
    nodes = tuple(NODES.values())

    clustered.pay_through("containers of all nodes killed at once", lambda: clustered.crash(*nodes), dies=nodes)


def test_cluster_is_founded_again_by_hand(clustered: Stack) -> None:
    """All nodes die at once and one stays away: the page's commands, as printed, make them a cluster again."""
    page = section(read(ROOT / "docs" / "scaling.md"), "After a power cut")
    look, begin = (block.text for block in blocks(page))
    # Not the writer: what was acknowledged is on its disk, and on the way to the others'.
    away = next(name for name in NODES.values() if name != writer(clustered))
    project = clustered.project

    def cut_and_found() -> None:
        cut = f"{time.time():.3f}"
        project.run("docker", "kill", *(f"shillings-{name}" for name in NODES.values()))
        project.run("docker", "start", *(f"shillings-{name}" for name in NODES.values() if name != away))

        def positions() -> dict[str, int]:
            printed = project.run("bash", "-c", f"{look.replace('10m', cut).strip()} || true")
            found = re.findall(r"(mariadb[-\w]*)-1 +\| .*:(\d+)$", printed, re.MULTILINE)
            return {name: int(number) for name, number in found}

        wait_until(lambda: len(positions()) == len(NODES) - 1, seconds=30, what="positions", interval=0.5)
        known = positions()
        first = max(known, key=known.__getitem__)
        project.run("bash", "-euc", re.sub("^first=.*", f"first={first}", begin))

    clustered.pay_through("all nodes died, founded again by hand", cut_and_found, dies=tuple(NODES.values()))
