"""Idempotency keys: the same request once, however often and however many at once it is sent."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from tests.service import Answer, Client, Service, User, token_of

REPLAYED = "idempotent-replayed"
BAD_KEYS = {
    "empty": b"",
    "256 characters": b"k" * 256,
    "1,000 characters": b"k" * 1000,
    "space": b"a b",
    "tab": b"a\tb",
    "not ASCII": b"caf\xc3\xa9",
    "Latin-1": b"caf\xe9",
}


def test_fifty_at_once_pay_once(service: Service, ann: User, bob: User) -> None:
    """Of fifty requests with one key at once, one pays; all get the same answer, and exactly one is no replay."""
    key = str(uuid4())
    clients = [service.client() for _ in range(50)]

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda client: User(client, ann.email, ann.token).pay(bob.email, "1.00", key), clients))

    assert {answer.content for answer in answers} == {answers[0].content}
    assert {answer.outcome for answer in answers} == {(200, "ok")}
    assert sum(REPLAYED not in answer.headers for answer in answers) == 1
    assert {answer.headers.get(REPLAYED, "true") for answer in answers} == {"true"}
    assert (ann.account()["balance"], bob.account()["balance"]) == ("99.00", "1.00")
    assert [line["transaction_id"] for line in bob.history()] == [answers[0].body["transaction_id"]]


def test_fifty_at_once_top_up_once(service: Service, bob: User) -> None:
    """Of fifty top-ups with one key at once, one is made."""
    clients = [service.client() for _ in range(50)]

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda client: User(client, bob.email, bob.token).top_up("1.00", "once"), clients))

    assert {answer.content for answer in answers} == {answers[0].content}
    assert sum(REPLAYED not in answer.headers for answer in answers) == 1
    assert bob.account()["balance"] == "1.00"


def test_fifty_keys_at_once_pay_fifty_times(service: Service, ann: User, bob: User) -> None:
    """Fifty requests that are equal but for their keys are fifty payments."""
    clients = [service.client() for _ in range(50)]

    with ThreadPoolExecutor(50) as pool:
        answers = list(
            pool.map(lambda client: User(client, ann.email, ann.token).pay(bob.email, "1.00", str(uuid4())), clients)
        )

    assert not any(REPLAYED in answer.headers for answer in answers)
    assert len({answer.body["transaction_id"] for answer in answers}) == 50
    assert bob.account()["balance"] == "50.00"


def test_requests_without_a_key_are_never_the_same(ann: User, bob: User) -> None:
    """Equal requests without a key are payments of their own."""
    first, second = ann.pay(bob.email, "1.00"), ann.pay(bob.email, "1.00")

    assert first.body["transaction_id"] != second.body["transaction_id"]
    assert bob.account()["balance"] == "2.00"


def test_replay_is_the_same_however_the_request_is_written(ann: User, bob: User) -> None:
    """The key is held against what is asked, not against its spelling: 1, 1.0 and "1.00" to one receiver are equal."""
    first = ann.pay(bob.email, "1.00", "spelt")

    for email, amount in ((bob.email.upper(), 1), (f" {bob.email} ", 1.0), (bob.email, "1")):
        again = ann.pay(email, amount, "spelt")
        assert again.content == first.content
        assert again.headers[REPLAYED] == "true"
    assert bob.account()["balance"] == "1.00"


@pytest.mark.parametrize("other", [
    lambda ann, bob: ann.pay(bob.email, "1.01", "reused"),
    lambda ann, _: ann.pay("carol@example.com", "1.00", "reused"),
    lambda ann, _: ann.pay(ann.email, "1.00", "reused"),
    lambda ann, _: ann.pay("nobody@example.com", "1.00", "reused"),
    lambda ann, bob: ann.pay(bob.email, "1000.00", "reused"),
    lambda ann, _: ann.top_up("1.00", "reused"),
], ids=["amount", "receiver", "self", "nobody", "beyond the balance", "endpoint"])  # fmt: skip
def test_key_with_another_request_is_refused(
    ann: User, bob: User, carol: User, other: Callable[[User, User], Answer]
) -> None:
    """A key that was used for another request is refused with 422, nothing moves, and the key keeps its answer."""
    first = ann.pay(bob.email, "1.00", "reused")
    before = ann.state(), bob.state(), carol.state()

    answer = other(ann, bob)

    assert answer.outcome == (422, "idempotency_key_reused")
    assert "idempotency key" in answer.message
    assert REPLAYED not in answer.headers
    assert (ann.state(), bob.state(), carol.state()) == before
    assert ann.pay(bob.email, "1.00", "reused").content == first.content


def test_keys_belong_to_a_user(ann: User, bob: User) -> None:
    """Two users may use the same key; each gets their own payment."""
    bob.top_up("10.00")

    first, second = ann.pay(bob.email, "1.00", "ours"), bob.pay(ann.email, "1.00", "ours")

    assert first.outcome == second.outcome == (200, "ok")
    assert REPLAYED not in second.headers
    assert first.body["transaction_id"] != second.body["transaction_id"]
    assert (ann.account()["balance"], bob.account()["balance"]) == ("100.00", "10.00")


def test_keys_belong_to_a_user_within_a_batch(service: Service, ann: User, bob: User) -> None:
    """When two users send the same request with the same key many times at once, each pays once."""
    bob.top_up("10.00")
    users = [User(service.client(), user.email, user.token) for user in (ann, bob) * 16]

    with ThreadPoolExecutor(len(users)) as pool:
        answers = list(pool.map(lambda user: user.pay(f"to.{ann.email}", "1.00", "ours"), users))
        receiver = service.new_user(f"to.{ann.email}".removesuffix("@example.com"))
        later = list(pool.map(lambda user: user.pay(receiver.email, "1.00", "ours-too"), users))

    assert {answer.outcome for answer in answers} == {(404, "receiver_not_found")}
    assert sum(REPLAYED not in answer.headers for answer in answers) == 2
    assert {answer.outcome for answer in later} == {(200, "ok")}
    assert len({answer.body["transaction_id"] for answer in later}) == 2
    assert sum(REPLAYED not in answer.headers for answer in later) == 2
    assert (ann.account()["balance"], bob.account()["balance"]) == ("99.00", "9.00")
    assert receiver.account()["balance"] == "2.00"


def test_key_outlives_its_session(ann: User, bob: User) -> None:
    """A user who logs in again and repeats the request gets the first session's answer."""
    first = ann.pay(bob.email, "1.00", "outlives")
    ann.send("POST", "/v1/logout")
    again = User(ann.client, ann.email, token_of(ann.client.log_in(ann.email)))

    replay = again.pay(bob.email, "1.00", "outlives")

    assert (replay.content, replay.headers[REPLAYED]) == (first.content, "true")
    assert bob.account()["balance"] == "1.00"


def test_refusals_replay(ann: User, bob: User) -> None:
    """What the ledger refused stays refused for that key, byte for byte, though it would be possible by now."""
    refused: list[tuple[Callable[[], Answer], tuple[int, str]]] = [
        (lambda: bob.pay(ann.email, "1.00", "poor"), (402, "insufficient_funds")),
        (lambda: bob.pay(f"late.{ann.email}", "1.00", "nobody"), (404, "receiver_not_found")),
        (lambda: bob.pay(bob.email, "1.00", "self"), (422, "self_payment")),
    ]
    first = [request() for request, _ in refused]
    assert bob.top_up("10.00").outcome == (200, "ok")
    assert bob.client.sign_up(f"late.{ann.email}").outcome == (200, "ok")

    for answer, (request, outcome) in zip(first, refused, strict=True):
        again = request()
        assert answer.outcome == again.outcome == outcome
        assert again.content == answer.content
        assert REPLAYED not in answer.headers
        assert again.headers[REPLAYED] == "true"
    assert bob.account()["balance"] == "10.00"


def test_what_never_reached_the_ledger_keeps_no_key(ann: User, bob: User) -> None:
    """A request that was malformed or not signed in leaves its key free for the right one."""
    assert ann.pay(bob.email, "0", "free").outcome == (400, "invalid_request")
    assert User(ann.client, ann.email, "wrong").pay(bob.email, "1.00", "free").outcome == (401, "unauthenticated")

    answer = ann.pay(bob.email, "1.00", "free")

    assert answer.outcome == (200, "ok")
    assert REPLAYED not in answer.headers


@pytest.mark.parametrize("key", BAD_KEYS.values(), ids=BAD_KEYS.keys())
@pytest.mark.parametrize("path", ["/v1/pay", "/v1/topup"])
def test_malformed_key_is_refused(client: Client, carol: User, path: str, key: bytes) -> None:
    """A key that is not 1 to 255 visible ASCII characters is refused by the header's name, and nothing moves."""
    before = carol.state()
    body = {"amount": "1.00"} | ({"receiver_email": "dave@example.com"} if path == "/v1/pay" else {})

    answer = client.send("POST", path, body, headers=[(b"Idempotency-Key", key)], token=carol.token)

    assert answer.outcome == (400, "invalid_request")
    assert answer.message.startswith("The idempotency key ")
    assert carol.state() == before


def test_longest_key_is_taken(ann: User) -> None:
    """A key of 255 characters is kept whole: one that differs in the last character is another."""
    first, second = ann.top_up("1.00", "k" * 254 + "a"), ann.top_up("1.00", "k" * 254 + "b")

    assert first.body["transaction_id"] != second.body["transaction_id"]
    assert ann.top_up("1.00", "k" * 254 + "a").content == first.content


@pytest.mark.parametrize("key", ["'", "''", "a'--", "\\", "a\\'", "%", "x'00'", '"', "A", "a"])
def test_key_is_kept_as_text(ann: User, key: str) -> None:
    """A key that tries to be SQL is a key like any other, and its case counts."""
    first = ann.top_up("1.00", key)

    assert REPLAYED not in first.headers
    assert ann.top_up("1.00", key).content == first.content
    assert REPLAYED not in ann.top_up("1.00", key.swapcase() + "x").headers
