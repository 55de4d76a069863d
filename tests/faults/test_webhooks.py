"""Webhooks when something breaks: every event arrives at least once, signed, whoever dies; the dead delay nobody."""

import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from standardwebhooks import Webhook

from deploy.local.waiting import wait_until
from shillings.storage.claiming import ALIVE_SECONDS
from tests.running import Program
from tests.service import Service, User
from tests.sink import OK, Received, Reply, Sink

QUICK = ",".join(["1"] * 15)
"""Pauses short enough to see the end of it."""

EVENTS = 120


class Deliverer(Program):
    """`shillings webhooks` by itself, for a running service's application layer."""

    def __init__(self, folder: Path, app: str, **settings: str) -> None:
        super().__init__(folder, ["webhooks", "--app", app], settings)

    def is_ready(self, output: str) -> bool:
        """It has found the application layer."""
        return "app_connected" in output


def listen(user: User, url: str) -> tuple[str, str]:
    """Make an endpoint; its id and secret."""
    answer = user.send("POST", "/v1/webhook_endpoints", {"url": url})
    assert answer.outcome == (200, "ok"), answer
    return answer.body["endpoint_id"], answer.body["secret"]


def states(user: User, endpoint_id: str) -> Counter[str]:
    """The states of the endpoint's deliveries."""
    path, cursor, found = f"/v1/webhook_endpoints/{endpoint_id}/deliveries", "", Counter[str]()
    while cursor is not None:
        page = user.send("GET", f"{path}?limit=100&cursor={cursor}").body
        found.update(delivery["state"] for delivery in page["deliveries"])
        cursor = page["next_cursor"]
    return found


def wait_for_acceptance(user: User, endpoint_id: str, count: int, seconds: float) -> None:
    """Return when so many deliveries were accepted and no others are left."""
    wait_until(lambda: states(user, endpoint_id) == {"delivered": count}, seconds=seconds, what="all to be accepted")


def failing_often(seed: int) -> Callable[[Received], Reply]:
    """Fails three times out of ten, each time in another way."""
    chance, lock = random.Random(seed), threading.Lock()

    def answer(_received: Received) -> Reply:
        with lock:
            draw = chance.random()
        return Reply(500) if draw < 0.15 else Reply(cut=True) if draw < 0.3 else OK

    return answer


def test_sink_that_fails_and_dies_gets_every_event(tmp_path: Path) -> None:
    """A receiver that fails 30 % of the time and dies twice gets every event, each time with the same body."""
    with Service(tmp_path, SHILLINGS_WEBHOOK_RETRY_SECONDS=QUICK) as service:
        ann = service.new_user("ann")
        with Sink(failing_often(7)) as sink:
            endpoint_id, secret = listen(ann, sink.url)
            made = []
            for number in range(EVENTS):
                made.append(ann.top_up("1.00").body["transaction_id"])
                if number in (EVENTS // 3, 2 * EVENTS // 3):
                    sink.close()
                    sink.open()
            wait_for_acceptance(ann, endpoint_id, EVENTS, 60)

            bodies: dict[str, set[bytes]] = {}
            for one in sink.received:
                Webhook(secret).verify(one.body, one.headers)
                bodies.setdefault(one.id, set()).add(one.body)
    assert {one.event["data"]["object_id"] for one in sink.received} == set(made)
    assert all(len(different) == 1 for different in bodies.values())
    assert len(sink.received) > EVENTS, "none was tried twice, so nothing was shown"


def test_killed_deliverer_loses_nothing(tmp_path: Path) -> None:
    """Kill -9 of the deliverer in the middle of its work: what it had is delivered when its time is over."""
    with Service(tmp_path, SHILLINGS_WEBHOOK_RETRY_SECONDS=QUICK) as service:
        ann = service.new_user("ann")
        hold = threading.Event()

        def answer(_received: Received) -> Reply:
            hold.wait(5)
            return OK

        with Sink(answer) as sink:
            endpoint_id, _ = listen(ann, sink.url)
            for _ in range(20):
                ann.top_up("1.00")
            sink.wait_for(1)
            os.kill(service.deliverer.pid, signal.SIGKILL)
            hold.set()
            wait_until(
                lambda: states(ann, endpoint_id) == {"delivered": 20},
                seconds=ALIVE_SECONDS + 30,
                what="all to be accepted",
            )
        assert len(set(sink.ids)) == 20


def test_killed_application_server_loses_nothing(tmp_path: Path) -> None:
    """Kill -9 of the application layer while deliveries are under way: every event that was told of arrives."""
    with Service(tmp_path, SHILLINGS_WEBHOOK_RETRY_SECONDS=QUICK) as service:
        ann = service.new_user("ann")
        with Sink() as sink:
            endpoint_id, _ = listen(ann, sink.url)
            made = set()
            for number in range(30):
                made.add(ann.top_up("1.00").body["transaction_id"])
                if number == 15:
                    os.kill(service.app.pid, signal.SIGKILL)
                    service.wait_until_ready(15)
            wait_until(
                lambda: states(ann, endpoint_id) == {"delivered": 30},
                seconds=ALIVE_SECONDS + 30,
                what="all to be accepted",
            )
        assert made == {one.event["data"]["object_id"] for one in sink.received}


def test_two_deliverers_share_the_work(tmp_path: Path) -> None:
    """Two deliverers side by side make each delivery once while both live; when one is killed the other does all."""
    key = os.urandom(32).hex()
    with Service(tmp_path / "service", SHILLINGS_DELIVERER_KEY=key, SHILLINGS_WEBHOOK_RETRY_SECONDS=QUICK) as service:
        ann = service.new_user("ann")
        app = f"unix://{next(path for path in unix_sockets(service))}"
        settings = {"SHILLINGS_DELIVERER_KEY": key, "SHILLINGS_WEBHOOK_ALLOW": "127.0.0.0/8"}
        with Deliverer(tmp_path / "second", app, **settings) as second, Sink() as sink:
            endpoint_id, _ = listen(ann, sink.url)
            for _ in range(60):
                ann.top_up("1.00")
            wait_for_acceptance(ann, endpoint_id, 60, 30)
            assert len(sink.received) == len(set(sink.ids)) == 60
            second.kill()
            for _ in range(20):
                ann.top_up("1.00")
            wait_until(
                lambda: states(ann, endpoint_id) == {"delivered": 80},
                seconds=ALIVE_SECONDS + 30,
                what="all to be accepted",
            )


def test_dead_endpoint_delays_only_itself(tmp_path: Path) -> None:
    """With endpoints that never answer, another hears of each event as soon as without them."""
    with Service(tmp_path) as service, Sink(lambda _received: Reply(hang=True)) as dead, Sink() as alive:
        others = [service.new_user(f"user{number}") for number in range(3)]
        for user in others:
            for number in range(5):
                listen(user, f"{dead.url}/{number}")
        ann = service.new_user("ann")
        listen(ann, alive.url)
        for user in others:
            for _ in range(20):
                user.top_up("1.00")
        dead.wait_for(15)
        for number in range(20):
            ann.top_up("1.00")
            alive.wait_for(number + 1, seconds=3)


def unix_sockets(service: Service) -> list[str]:
    """Where the service's application layer listens."""
    return [str(one.laddr) for one in service.app.net_connections("unix") if str(one.laddr).endswith("app.sock")]


def test_payments_go_first(tmp_path: Path) -> None:
    """Where the processors are not enough for all, the deliverer gives way to those who carry payments."""
    with Service(tmp_path / "service") as service:
        others = {process.nice() for process in (service.app, *service.webs)}
        wait_until(lambda: service.deliverer.nice() > max(others), seconds=30, what="the deliverer to give way")

        assert len(others) == 1
