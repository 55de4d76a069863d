"""The compose file's cluster: three Galera nodes behind HAProxy, which go on without the one that is written to."""

import re
import time
from collections.abc import Iterator

import httpx
import pytest

from deploy.local.waiting import wait_until
from tests.containers.stack import COMPOSE, Relay, Stack
from tests.figures import note

NODES = {"node1": "mariadb-1", "node2": "mariadb-2-1", "node3": "mariadb-3-1"}
"""By HAProxy's names."""


@pytest.fixture
def clustered(started: Stack) -> Iterator[Stack]:
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


def test_cluster_survives_its_writer(clustered: Stack) -> None:
    """Paying goes through nginx, and goes on when the writer's container is killed; nothing acknowledged is lost."""
    project = clustered.project
    address = project.containers()["haproxy-1"]["NetworkSettings"]["Networks"]["shillings_storage"]["IPAddress"]
    with Relay(project.folder / "metrics", project.engine, address, 9100) as relay:

        def writer() -> str:
            sessions = re.findall(
                r'^haproxy_server_current_sessions\{proxy="database",server="(\w+)"\} (\d+)$',
                httpx.get(f"http://127.0.0.1:{relay.port}/metrics").text,
                re.MULTILINE,
            )
            return next((NODES[node] for node, count in sessions if int(count)), "")

        before = writer()

        def kill() -> None:
            clustered.crash(before)
            wait_until(lambda: writer() not in {"", before}, seconds=30, what="another writer", interval=0.1)

        clustered.pay_through("container of a cluster's writer killed", kill, dies=(before,))

    assert before in NODES.values()
    wait_until(
        lambda: clustered.health()[before] == "healthy", seconds=60, what="the killed node in step", interval=0.5
    )
