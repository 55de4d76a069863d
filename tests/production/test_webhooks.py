"""Webhooks on the production stack: two application servers, a deliverer of its own, MariaDB; and them killed."""

import time
from collections.abc import Iterator

import pytest
from standardwebhooks import Webhook

from deploy.local.mariadb import MariaDB
from deploy.local.topology import Topology
from shillings.storage.claiming import ALIVE_SECONDS
from tests.figures import note
from tests.programs import require_programs
from tests.service import Client, User
from tests.sink import Sink

EVENTS = 40


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    """One web server, two application servers and two deliverers on MariaDB; what dies is started again."""
    require_programs("mariadbd", "redis-server")
    folder = tmp_path_factory.mktemp("webhooks")
    with (
        MariaDB(folder / "mariadb") as database,
        Topology(
            folder, web=1, app=2, webhooks=2, nginx=False, database=database.url, supervised=True,
            settings={"WEBHOOK_RETRY_SECONDS": ",".join(["1"] * 15)},
        ) as topology,
    ):  # fmt: skip
        yield topology


@pytest.fixture
def client(stack: Topology) -> Iterator[Client]:
    """A client of the stack."""
    with Client(stack.url) as made:
        yield made


def listen(user: User, url: str) -> tuple[str, str]:
    """Make an endpoint; its id and secret."""
    answer = user.send("POST", "/v1/webhook_endpoints", {"url": url})
    assert answer.outcome == (200, "ok"), answer
    return answer.body["endpoint_id"], answer.body["secret"]


def test_whichever_server_pays_the_event_leaves_soon(stack: Topology, client: Client) -> None:
    """Payments on both application servers are told within a second, once each."""
    ann = client.new_user("ann-soon")
    with Sink() as sink:
        _, secret = listen(ann, sink.url)
        late: list[float] = []
        for number in range(20):
            assert ann.top_up("1.00").outcome == (200, "ok")
            began = time.monotonic()
            sink.wait_for(number + 1)
            late.append(time.monotonic() - began)
        for one in sink.received:
            Webhook(secret).verify(one.body, one.headers)
    note(f"webhooks on the production stack: median {sorted(late)[10] * 1000:.0f} ms after the answer")
    assert sorted(late)[10] < 1.0
    assert len(set(sink.ids)) == 20


def test_events_arrive_whoever_dies(stack: Topology, client: Client) -> None:
    """With both deliverers and an application server killed in between, each event arrives."""
    ann = client.new_user("ann-dies")
    victims = {8: stack.deliverers[0], 16: stack.apps[0], 24: stack.deliverers[1]}
    made: set[str] = set()
    with Sink() as sink:
        listen(ann, sink.url)
        for number in range(EVENTS):
            if number in victims:
                victims[number].kill()
            answer = ann.top_up("1.00", key=f"top-up-{number}")
            while answer.outcome != (200, "ok"):
                answer = ann.top_up("1.00", key=f"top-up-{number}")
            made.add(answer.body["transaction_id"])
        sink.wait_for(EVENTS, seconds=ALIVE_SECONDS + 30)
        heard = {one.event["data"]["object_id"] for one in sink.wait_for(EVENTS)}
        ends = time.monotonic() + ALIVE_SECONDS + 30
        while heard != made and time.monotonic() < ends:
            heard = {one.event["data"]["object_id"] for one in sink.wait_for(len(sink.received) + 1, seconds=30)}
    assert heard == made


def test_own_servers_are_never_delivered_to(stack: Topology, client: Client) -> None:
    """An endpoint at one of the stack's own servers gets nothing but a refusal, though loopback is allowed."""
    ann = client.new_user("ann-own")
    endpoint_id, _ = listen(ann, f"http://127.0.0.1:{stack.webs[0].port}/v1/logout")
    ann.top_up("1.00")
    path = f"/v1/webhook_endpoints/{endpoint_id}/deliveries"
    ends = time.monotonic() + 20
    while not (found := ann.send("GET", path).body["deliveries"]) or not found[0]["attempt_count"]:
        assert time.monotonic() < ends
    event_id = found[0]["event"]["event_id"]
    attempt = ann.send("GET", f"{path}/{event_id}").body["delivery"]["attempts"][-1]
    assert attempt["outcome"] == "address_refused"
    assert "Shillings itself" in attempt["detail"]
