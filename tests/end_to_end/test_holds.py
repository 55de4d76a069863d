"""Holds over HTTP: made by the payer, ended by the receiver or the clock, once; seen by both and nobody else."""

from uuid import uuid4

import pytest

from tests.service import Answer, Client, User

NOT_FOUND = (404, "not_found")


def make(payer: User, receiver: User, amount: str = "10.00", **more: object) -> str:
    """A hold's id."""
    answer = payer.send("POST", "/v1/holds", {"receiver_email": receiver.email, "amount": amount} | more)
    assert answer.outcome == (200, "ok"), answer
    found: str = answer.body["hold_id"]
    return found


def end(user: User, hold: str, how: str, body: object = None, key: str = "") -> Answer:
    """A capture or a void."""
    return user.send("POST", f"/v1/holds/{hold}/{how}", body, key=key)


def state(user: User, hold: str) -> tuple[str, str]:
    """A hold's status, and how much of it was captured."""
    found = user.send("GET", f"/v1/holds/{hold}").body["hold"]
    return found["status"], found["captured"]


def money(user: User) -> tuple[str, str]:
    """What a user can spend, and what is on hold."""
    account = user.account()
    return account["balance"], account["held"]


def test_hold_is_captured_in_part(ann: User, bob: User) -> None:
    """Money on hold leaves the balance; a capture takes a part of it, and the rest comes back."""
    ann.top_up("30.00")
    spendable, _ = money(ann)
    hold = make(ann, bob, "10.00")
    assert money(ann) == (f"{float(spendable) - 10:.2f}", "10.00")
    assert state(ann, hold) == state(bob, hold) == ("open", "0.00")
    assert end(bob, hold, "capture", {"amount": "6.00"}).outcome == (200, "ok")

    assert money(ann) == (f"{float(spendable) - 6:.2f}", "0.00")
    assert state(ann, hold) == ("captured", "6.00")
    assert [line["kind"] for line in ann.history()[:2]] == ["release", "hold"]
    assert bob.history()[0]["kind"] == "capture"


def test_hold_is_voided(ann: User, bob: User) -> None:
    """A voided hold's money is the payer's again, and it can be neither captured nor voided after."""
    ann.top_up("10.00")
    before = money(ann)
    hold = make(ann, bob)
    assert end(bob, hold, "void").outcome == (200, "ok")

    assert money(ann) == before
    assert end(bob, hold, "void").outcome == (409, "hold_already_voided")
    assert end(bob, hold, "capture").outcome == (409, "hold_already_voided")


def test_hold_is_captured_once(ann: User, bob: User) -> None:
    """A second capture is refused; the first one with its key gets its answer again."""
    ann.top_up("10.00")
    hold = make(ann, bob)
    assert end(bob, hold, "capture", {"amount": "10.01"}).outcome == (422, "capture_exceeds_hold")
    first, again = (end(bob, hold, "capture", {"amount": "1.00"}, key="c") for _ in range(2))

    assert first.content == again.content
    assert end(bob, hold, "capture").outcome == (409, "hold_already_captured")
    assert end(bob, hold, "void").outcome == (409, "hold_already_captured")


def test_hold_is_made_once_for_its_key(ann: User, bob: User) -> None:
    """The same hold with its key is one hold."""
    ann.top_up("10.00")
    body = {"receiver_email": bob.email, "amount": "2.00"}
    first, again = (ann.send("POST", "/v1/holds", body, key="h") for _ in range(2))

    assert first.content == again.content
    assert money(ann)[1] == "2.00"


def test_only_the_receiver_ends_a_hold_and_only_both_see_it(ann: User, bob: User, carol: User) -> None:
    """The payer can end nothing; for a stranger there is no hold; a hold that is not there is not found."""
    ann.top_up("10.00")
    hold = make(ann, bob)
    for how in ("capture", "void"):
        assert end(ann, hold, how).outcome == NOT_FOUND
        assert end(carol, hold, how).outcome == NOT_FOUND
        assert end(bob, str(uuid4()), how).outcome == NOT_FOUND
    assert carol.send("GET", f"/v1/holds/{hold}").outcome == NOT_FOUND
    assert hold not in [one["hold_id"] for one in carol.send("GET", "/v1/holds?limit=100").body["holds"]]
    assert state(ann, hold) == ("open", "0.00")


def test_holds_are_listed_page_by_page(ann: User, bob: User) -> None:
    """Both sides read their holds, newest first, filtered by status, and pages join."""
    ann.top_up("10.00")
    made = [make(ann, bob, "1.00") for _ in range(5)]
    end(bob, made[0], "void")
    seen: list[str] = []
    cursor = ""
    while True:
        page = bob.send("GET", f"/v1/holds?limit=2&status=open&cursor={cursor}").body
        seen += [one["hold_id"] for one in page["holds"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert sorted(seen) == sorted(made[1:])


@pytest.mark.parametrize("query", ["status=gone", "limit=0", "limit=101", "cursor=x", "cursor=h1", "state=open"])
def test_wrong_query_is_refused(carol: User, query: str) -> None:
    """A query that is none is 400."""
    assert carol.send("GET", f"/v1/holds?{query}").outcome == (400, "invalid_request")


BAD = [
    {"amount": "1"}, {"receiver_email": "B"}, {"receiver_email": "B", "amount": "0"},
    {"receiver_email": "B", "amount": "1", "expires_in_seconds": 0},
    {"receiver_email": "B", "amount": "1", "expires_in_seconds": -1},
    {"receiver_email": "B", "amount": "1", "expires_in_seconds": 10**9},
    {"receiver_email": "B", "amount": "1", "expires_in_seconds": "soon"},
    {"receiver_email": "B", "amount": "1", "note": "x"},
]  # fmt: skip


@pytest.mark.parametrize("body", BAD, ids=str)
def test_malformed_hold_is_refused(carol: User, dave: User, body: dict[str, object]) -> None:
    """What is no hold is 400, and sets nothing aside."""
    before = money(carol)
    sent = {name: dave.email if value == "B" else value for name, value in body.items()}

    assert carol.send("POST", "/v1/holds", sent).outcome == (400, "invalid_request")
    assert money(carol) == before


def test_hold_is_refused_like_a_payment(carol: User) -> None:
    """Nobody, oneself, too much: as for a payment."""
    for receiver, amount, outcome in (
        ("nobody@example.com", "1", (404, "receiver_not_found")),
        (carol.email, "1", (422, "self_payment")),
        ("dave@example.com", "1000000", (402, "insufficient_funds")),
    ):
        assert carol.send("POST", "/v1/holds", {"receiver_email": receiver, "amount": amount}).outcome == outcome


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", ""), ("GET", ""), ("GET", "/{id}"), ("POST", "/{id}/capture"), ("POST", "/{id}/void")],
)
def test_holds_need_a_session(client: Client, method: str, path: str) -> None:
    """Without a session no hold is made, read or ended."""
    body = {"receiver_email": "x@example.com", "amount": "1"} if (method, path) == ("POST", "") else None
    answer = client.send(method, f"/v1/holds{path.format(id=uuid4())}", body)

    assert answer.outcome == (401, "unauthenticated")
