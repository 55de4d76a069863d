"""Several application servers, one truth: what the sandbox is told is in force on each of them once it is answered."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from deploy.local.mariadb import MariaDB
from deploy.local.topology import Topology
from tests.programs import require_programs
from tests.service import Client, User, token_of

ROUNDS = 8
"""Requests take turns between two application servers: as many of them meet both."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    """One web and two application servers on MariaDB, with a sandbox."""
    require_programs("mariadbd", "redis-server")
    folder = tmp_path_factory.mktemp("sandbox")
    with (
        MariaDB(folder / "mariadb") as database,
        Topology(folder, web=1, app=2, nginx=False, database=database.url, settings={"SANDBOX": "1"}) as topology,
    ):
        yield topology


def test_clock_is_one_on_every_server(stack: Topology) -> None:
    """After an advance, a freeze and a reset, each server tells the same time at once."""
    with Client(f"http://127.0.0.1:{stack.webs[0].port}") as client:
        for command, body, mode in (
            ("freeze", {}, "frozen"),
            ("advance", {"seconds": 3600}, "frozen"),
            ("reset", {}, "real"),
        ):
            told = client.send("POST", f"/v1/sandbox/clock/{command}", body)
            assert told.outcome == (200, "ok")
            seen = [client.send("GET", "/v1/sandbox/clock").body for _ in range(ROUNDS)]
            assert {one["mode"] for one in seen} == {mode}
            assert mode == "real" or {one["now"] for one in seen} == {told.body["now"]}


def test_restore_ends_sessions_on_every_server(stack: Topology) -> None:
    """After a restore, a session of before is over on each server, and a new one is good on each."""
    with Client(f"http://127.0.0.1:{stack.webs[0].port}") as client:
        ann = client.new_user("ann", "5.00")
        assert client.send("POST", "/v1/sandbox/snapshots", {"name": "s"}).outcome == (200, "ok")
        for _ in range(ROUNDS):
            assert ann.top_up("1").outcome == (200, "ok")
        assert client.send("POST", "/v1/sandbox/snapshots/s/restore").outcome == (200, "ok")
        assert {ann.top_up("1").outcome for _ in range(ROUNDS)} == {(401, "unauthenticated")}
        again = User(client, ann.email, token_of(client.log_in(ann.email)))

        assert {str(again.balance) for _ in range(ROUNDS)} == {"5.00"}


def test_rule_fires_once_whichever_server_is_asked(stack: Topology) -> None:
    """A rule is in force on each server when it is made, fires as often as it may on all of them together, and ends."""
    with Client(f"http://127.0.0.1:{stack.webs[0].port}") as client:
        ann, bob = client.new_user("rule-ann", "90.00"), client.new_user("rule-bob")
        made = client.send(
            "POST", "/v1/sandbox/faults", {"fault": "rate_limit", "times": 3, "match": {"endpoint": "/v1/pay"}}
        )
        assert made.outcome == (200, "ok")
        codes = [ann.pay(bob.email, "1").code for _ in range(ROUNDS)]
        listed = [client.send("GET", "/v1/sandbox/faults").body["faults"][0] for _ in range(ROUNDS)]

        assert codes == ["rate_limited"] * 3 + ["ok"] * (ROUNDS - 3)
        assert {(one["matched"], one["fired"], one["remaining"]) for one in listed} == {(3, 3, 0)}
        assert client.send("DELETE", "/v1/sandbox/faults").body == {"removed": 1}
        assert {len(client.send("GET", "/v1/sandbox/faults").body["faults"]) for _ in range(ROUNDS)} == {0}


def test_concurrent_requests_count_as_one_after_the_other(stack: Topology) -> None:
    """Of many requests at once on both servers, so many are touched as the rule may touch, and every one is counted."""
    with Client(f"http://127.0.0.1:{stack.webs[0].port}") as client, ThreadPoolExecutor(8) as pool:
        users = [client.new_user(f"user-{number}", "9.00") for number in range(4)]
        assert client.send(
            "POST", "/v1/sandbox/faults", {"fault": "rate_limit", "times": 10, "match": {"endpoint": "/v1/topup"}}
        ).outcome == (200, "ok")

        def top_up(user: User) -> list[str]:
            with Client(client.url) as own:
                return [User(own, user.email, user.token).top_up("1").code for _ in range(10)]

        codes = [code for told in pool.map(top_up, users) for code in told]
        [rule] = client.send("GET", "/v1/sandbox/faults").body["faults"]

        assert (codes.count("rate_limited"), codes.count("ok")) == (10, 30)
        assert (rule["fired"], rule["remaining"]) == (10, 0)


def test_reset_takes_rules_back_everywhere(stack: Topology) -> None:
    """After a reset no rule is left on any server."""
    with Client(f"http://127.0.0.1:{stack.webs[0].port}") as client:
        assert client.send("POST", "/v1/sandbox/faults", {"fault": "error"}).outcome == (200, "ok")
        assert client.send("POST", "/v1/sandbox/reset").outcome == (200, "ok")

        assert {len(client.send("GET", "/v1/sandbox/faults").body["faults"]) for _ in range(ROUNDS)} == {0}


def test_log_is_one_on_every_server(stack: Topology) -> None:
    """Whoever is asked knows of every request that was answered before, under the same number, and why."""
    with Client(f"http://127.0.0.1:{stack.webs[0].port}") as client:
        ann, bob = client.new_user("log-ann", "90.00"), client.new_user("log-bob")
        rule = {"fault": "rate_limit", "times": 2, "match": {"user_email": ann.email}}
        assert client.send("POST", "/v1/sandbox/faults", rule).outcome == (200, "ok")
        paid = [ann.pay(bob.email, "1", key=f"log-{number}") for number in range(ROUNDS)]
        query = f"/v1/sandbox/requests?endpoint=/v1/pay&user_email={ann.email}"
        listed = [client.send("GET", query).body["requests"] for _ in range(4)]
        why = [client.send("GET", f"/v1/sandbox/requests/{one.headers['x-request-id']}") for one in paid[:3]]

        assert [one["idempotency_key"] for one in listed[0]] == [f"log-{number}" for number in reversed(range(ROUNDS))]
        assert [one["code"] for one in listed[0]] == ["ok"] * (ROUNDS - 2) + ["rate_limited"] * 2
        assert all(one == listed[0] for one in listed)
        assert [one.body["rules"][0]["reason"] for one in why] == ["fired", "fired", "used_up"]
        assert client.send("DELETE", "/v1/sandbox/faults").outcome == (200, "ok")


def test_audit_and_stream_see_both_servers(stack: Topology) -> None:
    """A payment whose answer was lost on one server and that was made again on another is found, and is told."""
    with Client(f"http://127.0.0.1:{stack.webs[0].port}") as client:
        assert client.send("POST", "/v1/sandbox/reset").outcome == (200, "ok")
        ann, bob = client.new_user("audit-ann", "90.00"), client.new_user("audit-bob")
        body = {"receiver_email": bob.email, "amount": "1.00"}
        url = f"{client.url}/v1/sandbox/requests/stream?endpoint=/v1/pay"
        with httpx.stream("GET", url, timeout=10.0) as response:
            lines = response.iter_lines()
            assert next(lines).startswith("retry:")
            for number in range(ROUNDS):
                headers = {"Shillings-Intent": f"order-{number // 2}", "Idempotency-Key": f"try-{number}"}
                if number % 2 == 0:
                    headers["Shillings-Fault"] = "error_after_commit"
                client.send("POST", "/v1/pay", body, headers=headers, token=ann.token)
            told: list[dict[str, Any]] = []
            while len(told) < ROUNDS:
                told += [json.loads(line[6:]) for line in [next(lines)] if line.startswith("data: ")]
        audits = [client.send("GET", "/v1/sandbox/audit").body["findings"] for _ in range(2)]
        twice = [finding for finding in audits[0] if finding["code"] == "paid_twice"]

        assert sorted(one["idempotency_key"] for one in told) == [f"try-{number}" for number in range(ROUNDS)]
        assert [one["number"] for one in told] == sorted(one["number"] for one in told)
        assert len(twice) == ROUNDS // 2
        assert {finding["confidence"] for finding in twice} == {"certain"}
        assert audits[0] == audits[1]


def test_stack_is_healthy_after_it(stack: Topology) -> None:
    """All servers go on."""
    assert httpx.get(f"http://127.0.0.1:{stack.webs[0].port}/readyz").status_code == 200
