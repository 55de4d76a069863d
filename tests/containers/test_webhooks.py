"""A webhook leaves the containers."""

from concurrent.futures import ThreadPoolExecutor

import httpx
from standardwebhooks import Webhook

from tests.containers.relay import enter_network
from tests.containers.stack import Stack
from tests.sink import Sink


def test_webhook_leaves_the_containers(stack: Stack) -> None:
    """What happens to somebody is told, signed, to whoever listens beyond the containers, once."""
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
        finally:
            sink.close()

    assert Webhook(secret).verify(received.body, received.headers)
    assert received.event["type"] == "topup.succeeded"
    assert received.event["data"]["transaction_id"] == made


def _listen_and_pay(client: httpx.Client, url: str) -> tuple[str, str]:
    """Somebody listens at a URL, and has a top-up: the secret, and the id of the transaction."""
    login = {"email": "cid@example.org", "password": "correct horse"}
    assert client.post("/webhook_endpoints", json={"url": url}).status_code == 401
    assert client.post("/signup", json={"first_name": "Cid", "last_name": "Lee", **login}).status_code == 200
    assert client.post("/login", json=login).status_code == 200
    listening = client.post("/webhook_endpoints", json={"url": url})
    assert listening.status_code == 200
    topup = client.post("/topup", json={"amount": "1.00"})
    assert topup.status_code == 200
    return listening.json()["secret"], topup.json()["transaction_id"]
