"""Faults by rules: made, listed and removed over HTTP, fired as often as they say, and explained."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from deploy.local.waiting import wait_until
from tests.service import Answer, Client, Service, User

RULES = "/v1/sandbox/faults"
NOBODYS = str(UUID(int=5))


@pytest.fixture
def sandbox(client: Client) -> Iterator[Client]:
    """A client, and no rule before or after."""
    assert client.send("DELETE", RULES).outcome == (200, "ok")
    yield client
    assert client.send("DELETE", RULES).outcome == (200, "ok")


@pytest.fixture(scope="module")
def payer(session_client: Client) -> User:
    """Somebody with money enough for every test here."""
    return session_client.new_user("rules-payer", "1000.00")


@pytest.fixture(scope="module")
def receiver(session_client: Client) -> User:
    """Somebody who is paid."""
    return session_client.new_user("rules-receiver")


def add(sandbox: Client, **body: object) -> dict[str, Any]:
    """Make a rule."""
    answer = sandbox.send("POST", RULES, body)
    assert answer.outcome == (200, "ok"), answer
    return answer.body


def counts(sandbox: Client) -> list[tuple[int, int, int]]:
    """How often each rule has matched and fired, and may fire still."""
    return [(r["matched"], r["fired"], r["remaining"]) for r in sandbox.send("GET", RULES).body["faults"]]


def codes(payer: User, receiver: User, times: int) -> list[str]:
    """What payments come to, one after the other."""
    return [payer.pay(receiver.email, "1.00").code for _ in range(times)]


def why(sandbox: Client, answer: Answer) -> list[tuple[str, bool, str, str | None]]:
    """Why the rules fired or did not, for the request of this answer."""
    told = sandbox.send("GET", f"/v1/sandbox/requests/{answer.headers['x-request-id']}")
    assert told.outcome == (200, "ok"), told
    return [(rule["fault"], rule["fired"], rule["reason"], rule["field"]) for rule in told.body["rules"]]


def test_rule_fires_once_and_says_so(sandbox: Client, payer: User, receiver: User) -> None:
    """A rule fires once, names itself on the answer, and is listed with what has become of it."""
    made = add(sandbox, fault="error", params={"code": "unavailable"}, match={"endpoint": "/v1/pay"})

    first, second = payer.pay(receiver.email, "1"), payer.pay(receiver.email, "1")

    assert (first.outcome, second.outcome) == ((503, "unavailable"), (200, "ok"))
    assert first.headers["shillings-fault-applied"] == f'error;rule="{made["fault_id"]}";phase=before'
    assert "shillings-fault-applied" not in second.headers
    [rule] = sandbox.send("GET", RULES).body["faults"]
    assert rule | {"expires_in_seconds": 600} == {
        "fault_id": made["fault_id"], "fault": "error", "params": {"code": "unavailable"},
        "match": {"endpoint": "/v1/pay"}, "skip": 0, "times": 1, "probability": 1.0, "expires_in_seconds": 600,
        "matched": 1, "fired": 1, "remaining": 0,
    }  # fmt: skip
    assert 0 < rule["expires_in_seconds"] <= 600


def test_skip_times_and_order(sandbox: Client, payer: User, receiver: User) -> None:
    """A rule leaves its first matches alone; of those that are due the first made fires."""
    add(sandbox, fault="rate_limit", skip=1, times=2)
    add(sandbox, fault="error")

    assert codes(payer, receiver, 4) == ["internal", "rate_limited", "rate_limited", "ok"]
    assert counts(sandbox) == [(3, 2, 0), (1, 1, 0)]


@pytest.mark.parametrize(
    ("match", "misses"),
    [
        ({"endpoint": "/v1/pay"}, "topup"),
        ({"user_email": " Rules-Payer@EXAMPLE.com"}, "other payer"),
        ({"receiver_email": "rules-receiver@example.com"}, "other receiver"),
        ({"amount": "1.50"}, "other amount"),
        ({"amount": 1.5}, "other amount"),
        ({"idempotency_key": "KEY"}, "other key"),
    ],
)
def test_every_field_is_matched(
    match: dict[str, object], misses: str, sandbox: Client, payer: User, receiver: User, client: Client, name: str
) -> None:
    """A rule fires for what it matches, and for nothing that differs in that field."""
    key = str(uuid4())
    add(sandbox, fault="error", match={f: key if v == "KEY" else v for f, v in match.items()})
    other = client.new_user(f"other-{name}", "9.00") if misses == "other payer" else payer

    if misses == "topup":
        missed = payer.top_up("1.50")
    else:
        missed = other.pay(
            payer.email if misses == "other receiver" and other is not payer else
            "nobody@example.com" if misses == "other receiver" else receiver.email,
            "1.51" if misses == "other amount" else "1.50",
            key=str(uuid4()),
        )  # fmt: skip

    assert missed.code in ("ok", "receiver_not_found")
    assert payer.pay(receiver.email, "1.50", key=key).outcome == (500, "internal")


def test_rules_heal_by_age(sandbox: Client, payer: User, receiver: User) -> None:
    """A rule that was forgotten is gone after its time, unfired."""
    add(sandbox, fault="error", ttl_seconds=1, times=1000)
    wait_until(lambda: not sandbox.send("GET", RULES).body["faults"], seconds=5, what="the rule to be gone")

    assert codes(payer, receiver, 1) == ["ok"]


def test_rules_are_removed(sandbox: Client, payer: User, receiver: User) -> None:
    """One rule can be removed, and all of them; from then on they do not fire."""
    first, _ = add(sandbox, fault="error"), add(sandbox, fault="rate_limit")
    add(sandbox, fault="decline")

    removed = sandbox.send("DELETE", f"{RULES}/{first['fault_id']}")
    again = sandbox.send("DELETE", f"{RULES}/{first['fault_id']}")

    assert (removed.outcome, again.outcome) == ((200, "ok"), (404, "not_found"))
    assert codes(payer, receiver, 1) == ["rate_limited"]
    assert sandbox.send("DELETE", RULES).body == {"removed": 2}
    assert codes(payer, receiver, 1) == ["ok"]


def test_header_goes_before_the_rules(sandbox: Client, payer: User, receiver: User) -> None:
    """What a request asks for itself happens; the rule is left for the next."""
    add(sandbox, fault="error")
    body = {"receiver_email": receiver.email, "amount": "1"}

    asked = payer.client.send("POST", "/v1/pay", body, headers={"Shillings-Fault": "rate_limit"}, token=payer.token)

    assert asked.outcome == (429, "rate_limited")
    assert why(sandbox, asked) == [("error", False, "asked", None)]
    assert codes(payer, receiver, 2) == ["internal", "ok"]


def test_why_is_told_for_every_rule(sandbox: Client, payer: User, receiver: User) -> None:
    """For every rule it is said whether it fired, and else why not, with the field that did not match."""
    add(sandbox, fault="error", match={"amount": "2.00"})
    add(sandbox, fault="latency", skip=1)
    add(sandbox, fault="rate_limit", probability=0)
    add(sandbox, fault="decline")
    add(sandbox, fault="duplicate")

    answer = payer.pay(receiver.email, "1.00")
    read = payer.send("GET", "/v1/account")

    assert answer.code == "insufficient_funds"
    assert why(sandbox, answer) == [
        ("error", False, "no_match", "amount"), ("latency", False, "skipped", None),
        ("rate_limit", False, "draw", None), ("decline", True, "fired", None),
        ("duplicate", False, "earlier_rule", None),
    ]  # fmt: skip
    assert read.headers["shillings-fault-applied"].startswith("latency;")


def test_replay_gives_its_rule_back(sandbox: Client, payer: User, receiver: User) -> None:
    """A replay is left alone, and the rule it would have used up waits for the next request."""
    key = str(uuid4())
    assert payer.pay(receiver.email, "1", key=key).outcome == (200, "ok")
    add(sandbox, fault="lost_response", params={"how": "close"}, match={"endpoint": "/v1/pay"})

    replay = payer.pay(receiver.email, "1", key=key)

    assert (replay.outcome, replay.headers["idempotent-replayed"]) == ((200, "ok"), "true")
    assert why(sandbox, replay) == [("lost_response", False, "replay", None)]
    with pytest.raises(httpx.RemoteProtocolError):
        payer.pay(receiver.email, "1", key=str(uuid4()))
    assert counts(sandbox) == [(2, 1, 0)]


def test_sandbox_calls_are_left_alone(sandbox: Client) -> None:
    """A rule for everything leaves the sandbox's own calls in peace, and so does the header."""
    add(sandbox, fault="error", times=1000)

    answers = [sandbox.send("GET", RULES, headers={"Shillings-Fault": "error"}) for _ in range(3)]

    assert [answer.outcome for answer in answers] == [(200, "ok")] * 3
    assert counts(sandbox) == [(0, 0, 1000)]


def test_delay_slows_nobody_else(sandbox: Client, payer: User, receiver: User) -> None:
    """While one payment is held back, longer than the service's own deadline, everybody else is served as ever."""
    add(sandbox, fault="latency", params={"seconds": 6}, match={"amount": "7.77"})
    began = time.monotonic()
    with ThreadPoolExecutor() as pool:
        held = pool.submit(payer.client.send, "POST", "/v1/pay",
                           {"receiver_email": receiver.email, "amount": "7.77"}, token=payer.token)  # fmt: skip
        others = [receiver.top_up("1").code for _ in range(20)]
        seconds = time.monotonic() - began
        answer = held.result()

    assert others == ["ok"] * 20
    assert seconds < 5
    assert (answer.outcome, time.monotonic() - began >= 6) == ((200, "ok"), True)
    assert answer.headers["shillings-fault-applied"].startswith("latency;rule=")


BAD = [
    ({}, "fault"),
    ({"fault": "melt"}, "fault"),
    ({"fault": 5}, "fault"),
    ({"fault": "error", "params": {"how": "reset"}}, "params.how"),
    ({"fault": "error", "params": {"code": "ok"}}, "params.code"),
    ({"fault": "latency", "params": {"seconds": "2"}}, "params.seconds"),
    ({"fault": "latency", "params": {"seconds": 61}}, "params.seconds"),
    ({"fault": "latency", "params": []}, "params"),
    ({"fault": "error", "match": {"endpoint": "/v1/melt"}}, "match.endpoint"),
    ({"fault": "error", "match": {"endpoint": "/v1/sandbox/faults"}}, "match.endpoint"),
    ({"fault": "error", "match": {"path": "/v1/pay"}}, "match.path"),
    ({"fault": "error", "match": {"idempotency_key": "lunch 1"}}, "match.idempotency_key"),
    ({"fault": "drop", "match": {"event_type": "payment.melted"}}, "match.event_type"),
    ({"fault": "drop", "match": {"endpoint_id": "melt"}}, "match.endpoint_id"),
    ({"fault": "drop", "match": {"object_id": "melt"}}, "match.object_id"),
    ({"fault": "error", "match": {"amount": "-1"}}, "match.amount"),
    ({"fault": "error", "match": {"amount": "1.005"}}, "match.amount"),
    ({"fault": "error", "match": {"user_email": "ann"}}, "match.user_email"),
    ({"fault": "error", "match": {"event_type": "payment.succeeded"}}, "match.event_type"),
    ({"fault": "decline", "match": {"endpoint": "/v1/account"}}, "match.endpoint"),
    ({"fault": "error", "skip": -1}, "skip"),
    ({"fault": "error", "times": 0}, "times"),
    ({"fault": "error", "times": 10**12}, "times"),
    ({"fault": "error", "probability": 1.1}, "probability"),
    ({"fault": "error", "probability": "half"}, "probability"),
    ({"fault": "error", "ttl_seconds": 86_401}, "ttl_seconds"),
    ({"fault": "error", "once": True}, "once"),
]


@pytest.mark.parametrize(("body", "named"), BAD, ids=[f"{named} {body}" for body, named in BAD])
def test_bad_rule_is_refused_by_field(body: dict[str, object], named: str, sandbox: Client) -> None:
    """A rule that cannot be is a 400 that names the field, and no rule was made."""
    answer = sandbox.send("POST", RULES, body)

    assert answer.outcome == (400, "invalid_request")
    assert json.loads(answer.content)["status"]["field"] == named
    assert named.rpartition(".")[2] in answer.message
    assert sandbox.send("GET", RULES).body["faults"] == []


@pytest.mark.parametrize(
    ("method", "path", "outcome"),
    [
        ("DELETE", f"{RULES}/{NOBODYS}", (404, "not_found")),
        ("DELETE", f"{RULES}/melt", (400, "invalid_request")),
        ("GET", "/v1/sandbox/requests/melt", (404, "not_found")),
        ("PUT", RULES, (405, "method_not_allowed")),
        ("GET", "/v1/sandbox/melt", (404, "not_found")),
    ],
)
def test_what_is_not_there_is_said(method: str, path: str, outcome: tuple[int, str], sandbox: Client) -> None:
    """Unknown rules, requests, methods and paths are told apart."""
    assert sandbox.send(method, path).outcome == outcome


def test_request_without_rules_is_explained_too(sandbox: Client, payer: User, receiver: User) -> None:
    """Of a request that came while no rule was in force it is said that there was none, even if there is one now."""
    answer = payer.pay(receiver.email, "1.00")
    add(sandbox, fault="error")

    told = sandbox.send("GET", f"/v1/sandbox/requests/{answer.headers['x-request-id']}")

    assert told.outcome == (200, "ok")
    assert (told.body["fault_applied"], told.body["rules"]) == (None, [])


def test_ids_are_matched_in_any_case(sandbox: Client) -> None:
    """An id in a rule for deliveries means the same in large letters, and is shown as it is in answers."""
    rule = add(sandbox, fault="drop", match={"object_id": NOBODYS.replace("5", "A")})

    assert rule["match"] == {"object_id": NOBODYS.replace("5", "a")}


def test_thousand_rules_and_no_more(sandbox: Client, payer: User) -> None:
    """A thousand rules are in force at once; the next one is refused with the limit, and the others stay."""
    answers = [sandbox.send("POST", RULES, {"fault": "error", "match": {"amount": str(n)}}) for n in range(1, 1_002)]

    assert {answer.outcome for answer in answers[:1000]} == {(200, "ok")}
    assert answers[1000].outcome == (400, "invalid_request")
    assert "1000" in answers[1000].message
    assert payer.send("GET", "/v1/account").outcome == (200, "ok")


def test_same_seed_draws_the_same(tmp_path: Path) -> None:
    """Two services with one seed let a rule with a probability fire at the same requests; another seed does not."""

    def drawn(name: str, seed: str) -> list[str]:
        with Service(tmp_path / name, SHILLINGS_SEED=seed) as service:
            client = service.client()
            ann, bob = service.new_user("ann", "50.00"), service.new_user("bob")
            add(client, fault="error", probability=0.5, times=100, match={"endpoint": "/v1/pay"})
            told = []
            for number in range(24):
                told.append(ann.pay(bob.email, "0.01").code)
                if number % 3 == 0:
                    ann.account()
            return told

    first, again, other = drawn("one", "a"), drawn("two", "a"), drawn("three", "b")

    assert first == again
    assert first != other
    assert {"ok", "internal"} == set(first)


def test_list_of_rules_always_fits(sandbox: Client) -> None:
    """However long the texts that rules match, they are listed: rules whose list would be too long are refused."""
    email = "a@" + "\U00020000" * 240 + ".example"
    match = {"user_email": email, "receiver_email": email, "idempotency_key": "k" * 255}
    codes = [sandbox.send("POST", RULES, {"fault": "lost_response", "match": match}).code for _ in range(400)]

    listed = sandbox.send("GET", RULES)

    assert set(codes) == {"ok", "invalid_request"}
    assert (listed.outcome, len(listed.body["faults"])) == ((200, "ok"), codes.count("ok"))
