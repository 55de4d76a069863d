"""Resetting the books, keeping copies of them, and going back: whole, fast, and no session outlives it."""

import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

import pytest

from tests.figures import note
from tests.service import Answer, Service, User, token_of

SANDBOX = "/v1/sandbox"


@pytest.fixture
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service of one's own: a reset would disturb others."""
    with Service(tmp_path_factory.mktemp("state")) as made:
        yield made


def send(service: Service, method: str, path: str, body: object = None) -> Answer:
    """A sandbox call."""
    return service.client().send(method, f"{SANDBOX}/{path}", body)


def again(service: Service, user: User) -> User:
    """The same user, logged in again."""
    return User(user.client, user.email, token_of(service.client().log_in(user.email)))


def test_restore_brings_everything_back(service: Service) -> None:
    """After a restore balances, histories, keys and users are those of the snapshot, and later ones are gone."""
    ann, bob = service.new_user("ann", "50.00"), service.new_user("bob")
    paid = ann.pay(bob.email, "12.50", key="lunch")
    state = ann.state(), bob.state()
    made = send(service, "POST", "snapshots", {"name": "lunch"})
    ann.pay(bob.email, "7", key="later")
    service.new_user("eve")
    restored = send(service, "POST", "snapshots/lunch/restore")

    assert made.outcome == restored.outcome == (200, "ok")
    assert (made.body["users"], made.body["transactions"]) == (2, 2)
    ann, bob = again(service, ann), again(service, bob)
    assert (ann.state(), bob.state()) == state
    assert ann.pay(bob.email, "12.50", key="lunch").body == paid.body
    assert service.client().log_in("eve@example.com").outcome == (401, "unauthenticated")
    assert ann.pay("eve@example.com", "1").outcome == (404, "receiver_not_found")
    assert service.client().sign_up("eve@example.com").outcome == (200, "ok")


def test_sessions_end_with_a_restore_and_a_reset(service: Service) -> None:
    """A token of before is refused after, for payments and reads, although the user is there again."""
    ann = service.new_user("ann", "50.00")
    bob = service.new_user("bob")
    send(service, "POST", "snapshots", {"name": "s"})
    for path in ("snapshots/s/restore", "reset"):
        assert send(service, "POST", path).outcome == (200, "ok")
        assert ann.pay(bob.email, "1").outcome == (401, "unauthenticated")
        assert ann.send("GET", "/v1/account").outcome == (401, "unauthenticated")


def test_reset_removes_everything_but_snapshots(service: Service) -> None:
    """After a reset nobody is there, the clock is real, and a snapshot can still be restored."""
    ann = service.new_user("ann", "50.00")
    send(service, "POST", "snapshots", {"name": "s"})
    send(service, "POST", "clock/freeze")
    first = send(service, "POST", "reset")
    second = send(service, "POST", "reset")

    assert second.body["epoch"] > first.body["epoch"] > 0
    assert send(service, "GET", "clock").body["mode"] == "real"
    assert service.client().log_in(ann.email).outcome == (401, "unauthenticated")
    assert service.client().sign_up(ann.email).outcome == (200, "ok")
    assert send(service, "POST", "snapshots/s/restore").outcome == (200, "ok")
    assert again(service, ann).balance == Decimal("50.00")


def test_epoch_survives_a_restart(service: Service) -> None:
    """A server that starts again after a restore still refuses the tokens of before, and takes those of after."""
    ann = service.new_user("ann", "1")
    send(service, "POST", "snapshots", {"name": "s"})
    send(service, "POST", "snapshots/s/restore")
    after = again(service, ann)
    service.stop()
    service.start()

    assert ann.send("GET", "/v1/account").outcome == (401, "unauthenticated")
    assert after.send("GET", "/v1/account").outcome == (200, "ok")


def test_snapshots_are_listed_replaced_and_deleted(service: Service) -> None:
    """Snapshots are listed by name; one of the same name replaces the older; a deleted one is gone."""
    for name in ("b", "a"):
        assert send(service, "POST", "snapshots", {"name": name}).outcome == (200, "ok")
    service.new_user("ann")
    assert send(service, "POST", "snapshots", {"name": "a"}).body["users"] == 1
    listed = send(service, "GET", "snapshots").body["snapshots"]
    assert [(one["name"], one["users"]) for one in listed] == [("a", 1), ("b", 0)]
    assert send(service, "DELETE", "snapshots/a").outcome == (200, "ok")
    assert send(service, "DELETE", "snapshots/a").outcome == (404, "not_found")
    assert send(service, "POST", "snapshots/a/restore").outcome == (404, "not_found")


def test_reset_under_load_breaks_nothing(service: Service) -> None:
    """Whoever pays while the books are reset is answered, never with a crash, and the new books are right."""
    payers = [service.new_user(f"payer{number}", "100") for number in range(8)]
    stop = threading.Event()
    outcomes: Counter[tuple[int, str]] = Counter()

    def pay(payer: User, receiver: User) -> None:
        while not stop.is_set():
            outcomes[payer.pay(receiver.email, "0.01").outcome] += 1

    threads = [threading.Thread(target=pay, args=pair) for pair in zip(payers, payers[1:] + payers[:1], strict=True)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        assert send(service, "POST", "reset").outcome == (200, "ok")
    stop.set()
    for thread in threads:
        thread.join()

    assert set(outcomes) <= {(200, "ok"), (401, "unauthenticated"), (404, "receiver_not_found")}
    assert outcomes[401, "unauthenticated"]
    assert send(service, "POST", "snapshots", {"name": "s"}).body["users"] == 0


def test_thousand_users_are_restored_and_reset_in_a_moment(service: Service) -> None:
    """With 1,000 users and their entries a restore and a reset take under 50 ms of the server's time."""
    fill(service, users=1000)
    assert send(service, "POST", "snapshots", {"name": "s"}).body["users"] == 1000
    took = {}
    for path in ("snapshots/s/restore", "reset"):
        client = service.client()
        seconds = []
        for _ in range(5):
            began = time.perf_counter()
            assert client.send("POST", f"{SANDBOX}/{path}").outcome == (200, "ok")
            seconds.append(time.perf_counter() - began)
        took[path] = min(seconds)
    note(
        f"1,000 users on SQLite: restored in {took['snapshots/s/restore'] * 1000:.0f} ms, "
        f"reset in {took['reset'] * 1000:.0f} ms (best of 5)"
    )

    assert max(took.values()) < 0.05


def fill(service: Service, users: int) -> None:
    """Put so many users with a top-up each into the books, behind the stopped service's back."""
    service.stop()
    with sqlite3.connect(service.data_dir / "shillings.db") as database:
        for number in range(users):
            user, transaction = number.to_bytes(16, "big"), (2**64 + number).to_bytes(16, "big")
            email, moment = f"u{number}@example.com", "2026-01-05 09:30:00.000000"
            database.execute("INSERT INTO users VALUES (?,'A','','B',?,'',100,1,?,?)", (user, email, moment, moment))
            database.execute("INSERT INTO credentials VALUES (?,?,?,'x',?,NULL)", (user, user, email, moment))
            database.execute(
                "INSERT INTO transactions (transaction_id, kind, sender_id, sender_email, receiver_id, receiver_email,"
                " amount, created_at) VALUES (?,'topup',zeroblob(16),'',?,?,100,?)",
                (transaction, user, email, moment),
            )
            database.execute("INSERT INTO entries VALUES (?,1,?,100,100)", (user, transaction))
    database.close()
    service.start()


@pytest.mark.parametrize("name", ["", "a b", "a/b", "..", ".git", "x" * 65, "ü", "'; DROP TABLE users; --"])
def test_name_of_another_form_is_refused(service: Service, name: str) -> None:
    """A name is letters, digits, dots (not first), dashes and underscores; anything else is 400 and makes nothing."""
    assert send(service, "POST", "snapshots", {"name": name}).outcome == (400, "invalid_request")
    assert send(service, "GET", "snapshots").body["snapshots"] == []


def test_snapshots_have_a_bound(service: Service) -> None:
    """The twenty-first snapshot is refused, with a word about what to do."""
    for number in range(20):
        assert send(service, "POST", "snapshots", {"name": f"s{number}"}).outcome == (200, "ok")
    refused = send(service, "POST", "snapshots", {"name": "s20"})

    assert refused.outcome == (400, "invalid_request")
    assert "Delete one" in refused.message
    assert send(service, "POST", "snapshots", {"name": "s3"}).outcome == (200, "ok")
