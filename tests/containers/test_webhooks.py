"""A webhook leaves the containers."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import httpx
from standardwebhooks import Webhook

from deploy.local.waiting import wait_until
from shillings.audit.acknowledged import Acknowledged
from tests.containers.relay import enter_network
from tests.containers.stack import Stack
from tests.sink import Sink

DELIVERED_SECONDS_MAX = 60.0
"""What a deliverer held that was killed is given to the next one only after some time."""


def test_webhook_leaves_the_containers(stack: Stack) -> None:
    """What happens is told, signed, to whoever listens beyond the containers; also after the deliverer was killed."""
    engine = stack.project.engine
    host = stack.project.containers()["webhooks-1"]["NetworkSettings"]["Networks"]["shillings_world"]["Gateway"]
    sink = Sink(host=host)
    with ThreadPoolExecutor(1) as there, httpx.Client(base_url=f"{stack.url}/v1", timeout=10) as client:
        # A thread can be in another network than its neighbours, and what it begins to listen at stays there.
        there.submit(enter_network, engine.first_process).result()
        there.submit(sink.open).result()
        try:
            secret, made = _listen_and_pay(client, sink.url)
            [received] = sink.wait_for(1)
            stack.crash("webhooks-1")
            made += [_top_up(client)]
            wait_until(lambda: told(sink)[-1] == made[1], seconds=DELIVERED_SECONDS_MAX, what="the second webhook")
        finally:
            sink.close()

    # So that the auditor knows of them, too.
    ids = [UUID(one).bytes for one in made]
    stack.payers.told.acknowledged += [Acknowledged(one, "topup", "", "cid@example.org", 1_00) for one in ids]
    assert Webhook(secret).verify(received.body, received.headers)
    assert {one.event["type"] for one in sink.received} == {"topup.succeeded"}
    # Who is killed may have told what nobody knows yet that he has told.
    assert list(dict.fromkeys(told(sink))) == made


def told(sink: Sink) -> list[str]:
    """The ids of the transactions that were told, in order."""
    return [one.event["data"]["transaction_id"] for one in sink.received]


def _listen_and_pay(client: httpx.Client, url: str) -> tuple[str, list[str]]:
    """Somebody listens at a URL, and has a top-up: the secret, and the ids of the transactions."""
    login = {"email": "cid@example.org", "password": "correct horse"}
    assert client.post("/webhook_endpoints", json={"url": url}).status_code == 401
    assert client.post("/signup", json={"first_name": "Cid", "last_name": "Lee", **login}).status_code == 200
    assert client.post("/login", json=login).status_code == 200
    listening = client.post("/webhook_endpoints", json={"url": url})
    assert listening.status_code == 200
    return listening.json()["secret"], [_top_up(client)]


def _top_up(client: httpx.Client) -> str:
    topup = client.post("/topup", json={"amount": "1.00"})
    assert topup.status_code == 200
    return str(topup.json()["transaction_id"])
