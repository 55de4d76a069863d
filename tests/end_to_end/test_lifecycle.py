"""Starting, stopping and starting again."""

import os
import signal
import stat
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from deploy.local.waiting import wait_until
from shillings.audit.auditor import Auditor
from tests.figures import note
from tests.running import START_SECONDS_MAX, run_shillings, start_shillings
from tests.service import (
    PASSWORD,
    Answer,
    Client,
    Service,
    User,
    WebServer,
    token_of,
)

RECOVERY_SECONDS_MAX = 6.0
STOP_SECONDS_MAX = 5.0


@pytest.fixture(scope="module")
def held_and_rival(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, subprocess.Popen[str]]]:
    """A service, and another that was started on its data directory; it waits a few seconds before it gives up."""
    with Service(tmp_path_factory.mktemp("held")) as service:
        data = str(service.data_dir)
        with start_shillings("serve", "--port", "0", "--data-dir", data, cwd=service.folder) as rival:
            yield service, rival
            rival.kill()  # it has given up long ago, unless nothing kept it from the data


@pytest.fixture
def held(held_and_rival: tuple[Service, subprocess.Popen[str]]) -> Service:
    """A service whose data directory and port others want. It has generated its signing key."""
    return held_and_rival[0]


@pytest.fixture(scope="module")
def killable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose processes are killed, each by one test, and which is whole again after it."""
    with Service(tmp_path_factory.mktemp("killable"), SHILLINGS_REQUEST_TIMEOUT_MS="500") as service:
        yield service


def test_service_is_ready_within_seconds(held: Service) -> None:
    """From nothing, `serve` makes its data directory and its database and answers, in less than five seconds."""
    note(f"ready {held.started_in:.2f} s after the first start")
    assert held.started_in < 5
    assert held.client().send("GET", "/readyz").outcome == (200, "ok")


def test_signing_key_is_its_owners_only(held: Service) -> None:
    """The generated signing key is long, and has mode 0600 in a directory of mode 0700."""
    key = held.data_dir / "jwt.key"

    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(held.data_dir.stat().st_mode) == 0o700
    assert len(key.read_text()) >= 64


def test_second_service_on_the_same_port_is_refused(held: Service, tmp_path: Path) -> None:
    """A second `serve` on a port that is in use names it and exits with 2."""
    second = run_shillings("serve", "--port", str(held.port), "--data-dir", "other", cwd=tmp_path)

    assert second.returncode == 2
    assert f"cannot listen at 127.0.0.1:{held.port}" in second.stderr
    assert "Choose another host or port" in second.stderr


def test_stop_and_start_keep_everything(tmp_path: Path) -> None:
    """A stopped and started service has every account, balance, history, session and revocation it had."""
    service = Service(tmp_path)
    with service:
        ann, bob = service.new_user("ann", "10.00"), service.new_user("bob")
        paid = ann.pay(bob.email, "2.50", "kept")
        gone = User(ann.client, ann.email, token_of(ann.client.log_in(ann.email)))
        assert gone.send("POST", "/v1/logout").outcome == (200, "ok")
        accounts = ann.account(), bob.account()
        before = ann.state(), bob.state()

        assert service.stop() == 0
        service.start()

        assert (ann.account(), bob.account()) == accounts
        assert (ann.state(), bob.state()) == before
        assert ann.pay(bob.email, "2.50", "kept").content == paid.content
        assert gone.send("GET", "/v1/account").outcome == (401, "unauthenticated")
        assert ann.client.log_in(ann.email).outcome == (200, "ok")
        assert ann.client.log_in(ann.email, PASSWORD + "!").outcome == (401, "unauthenticated")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_stop_lets_requests_finish(tmp_path: Path, number: signal.Signals) -> None:
    """Requests in flight get their answers, idle connections delay nothing; it exits with 0, children too."""
    with Service(tmp_path) as service:
        outcomes: list[object] = []
        idle = [service.client() for _ in range(10)]
        assert {client.send("GET", "/healthz").outcome for client in idle} == {(200, "ok")}
        under_way = threading.Barrier(21)

        def sign_up(number: int) -> None:
            with service.client() as client:
                client.send("GET", "/healthz")
                under_way.wait()
                outcomes.append(client.sign_up(f"user{number}@example.com").outcome)

        # Twenty hashes take a few hundred milliseconds, so the stop meets most of them half-way.
        threads = [threading.Thread(target=sign_up, args=(n,)) for n in range(20)]
        for thread in threads:
            thread.start()
        under_way.wait()
        wait_until(lambda: len(outcomes) >= 2, seconds=10, what="the first answers")
        answered_before = len(outcomes)
        began = time.monotonic()
        code = service.press_ctrl_c() if number is signal.SIGINT else service.stop()
        took = time.monotonic() - began
        for thread in threads:
            thread.join()

        note(f"stopped by {number.name} with {20 - answered_before} sign-ups in flight, in {took:.2f} s")
        assert answered_before < 20
        assert outcomes == [(200, "ok")] * 20
        assert code == 0
        assert took < STOP_SECONDS_MAX


@pytest.mark.parametrize(("variable", "value", "reason"), [
    ("SHILLINGS_JWT_KEY", "x" * 32, "did you mean SHILLINGS_JWT_KEYS"),
    ("SHILLINGS_JWT_KEYS", "0123456789abcdef0123456789abcdef,short", "32 are the least"),
    ("SHILLINGS_REQUEST_TIMEOUT_MS", "soon", "is wrong"),
    ("SHILLINGS_DATABASE_URL", "postgres://localhost/x", "must begin with sqlite:/// or mysql+pymysql://"),
])  # fmt: skip
def test_wrong_setting_is_refused_at_start(tmp_path: Path, variable: str, value: str, reason: str) -> None:
    """A setting that is unknown or wrong is refused at start, in one sentence that names it."""
    refused = run_shillings("serve", "--port", "0", "--data-dir", "data", cwd=tmp_path, **{variable: value})

    assert refused.returncode == 2
    [sentence] = refused.stderr.splitlines()
    assert sentence.startswith(f"shillings: {variable} ")
    assert reason in sentence
    if "KEY" in variable:
        assert value not in sentence


@pytest.mark.parametrize("layer", ["web", "app", "deliverer"])
def test_killed_child_is_started_again(killable: Service, layer: str) -> None:
    """A child that is killed, whichever it is, is back within seconds, with every account and session."""
    ann, bob = killable.new_user(f"ann-{layer}", "10.00"), killable.new_user(f"bob-{layer}")
    paid = ann.pay(bob.email, "1.00", "before")
    children = {process.pid for process in killable.processes()}
    victim = {"app": killable.app, "web": killable.webs[0], "deliverer": killable.deliverer}[layer]

    os.kill(victim.pid, signal.SIGKILL)
    wait_until(lambda: not victim.is_running(), seconds=5, what=f"the {layer} process to be gone")
    took = killable.wait_until_ready(RECOVERY_SECONDS_MAX)

    note(f"{layer} process killed: ready again after {took:.2f} s")
    assert ann.pay(bob.email, "1.00", "before").content == paid.content
    assert ann.pay(bob.email, "1.00", "after").outcome == (200, "ok")
    assert bob.account()["balance"] == "2.00"
    wait_until(lambda: len(killable.processes()) == 4, seconds=5, what="parent and three children")
    assert len(children & {process.pid for process in killable.processes()}) == 3


def test_killed_parent_leaves_no_child(killable: Service) -> None:
    """When the parent is killed its children stop by themselves; a new start finds everything."""
    ann = killable.new_user("ann-parent", "10.00")

    survived = killable.kill()
    with pytest.raises((httpx.NetworkError, httpx.RemoteProtocolError)):  # refused, or its open connection cut
        ann.account()
    killable.start()

    note(f"parent killed: its children were gone after {survived:.2f} s")
    assert survived < RECOVERY_SECONDS_MAX
    assert ann.account()["balance"] == "10.00"
    with Auditor(killable.database_url) as auditor:
        assert auditor.audit().findings == []


def test_replay_survives_a_crash(killable: Service) -> None:
    """After kill -9 of everything and a new start, the same key gets the same bytes: payments, top-ups and refusals."""
    ann, bob = killable.new_user("ann-replay"), killable.new_user("bob-replay")

    def ask() -> list[Answer]:
        return [
            ann.top_up("5.00", "topup"),
            ann.pay(bob.email, "1.00", "payment"),
            ann.pay(bob.email, "9.00", "too-much"),
            ann.pay("nobody@example.com", "1.00", "nobody"),
        ]

    first = ask()
    killable.app.kill()
    killable.kill()
    killable.start()
    again = ask()

    assert [answer.http for answer in first] == [200, 200, 402, 404]
    assert [answer.content for answer in again] == [answer.content for answer in first]
    assert [answer.headers.get("idempotent-replayed") for answer in again] == ["true"] * 4
    assert (ann.account()["balance"], bob.account()["balance"]) == ("4.00", "1.00")


def test_stopped_application_layer_is_an_unknown_outcome(killable: Service) -> None:
    """When the application layer hangs, a payment ends as unknown in time; its key tells what became of it, once."""
    ann, bob = killable.new_user("ann-hang", "10.00"), killable.new_user("bob-hang")
    app = killable.app

    app.suspend()
    began = time.monotonic()
    unknown = ann.pay(bob.email, "1.00", "hang")
    took = time.monotonic() - began
    read = ann.send("GET", "/v1/account")
    ready = killable.client().send("GET", "/readyz")
    healthy = killable.client().send("GET", "/healthz")
    app.resume()

    assert unknown.outcome == read.outcome == (504, "timeout")
    assert "idempotency key" in unknown.message
    assert 0.5 <= took < 3
    assert ready.http == 503
    assert healthy.outcome == (200, "ok")
    killable.wait_until_ready(RECOVERY_SECONDS_MAX)
    assert ann.pay(bob.email, "1.00", "hang").outcome == (200, "ok")
    assert (ann.account()["balance"], bob.account()["balance"]) == ("9.00", "1.00")


def test_web_layer_alone_says_what_it_misses(tmp_path: Path) -> None:
    """Without an application layer every request is answered 503 with Retry-After, and nothing was done."""
    with WebServer(tmp_path, f"unix://{tmp_path}/nobody.sock") as web, Client(web.url) as client:
        assert client.send("GET", "/healthz").outcome == (200, "ok")
        for answer in (
            client.send("GET", "/readyz"),
            client.sign_up("ann@example.com"),
            client.send("GET", "/v1/account", token="x"),
            client.send("POST", "/v1/pay", {"receiver_email": "bob@example.com", "amount": "1.00"}, token="x"),
        ):
            assert answer.outcome == (503, "unavailable")
            assert answer.headers["retry-after"] == "1"
        assert web.stop() == 0


def test_web_workers_share_the_port(tmp_path: Path) -> None:
    """With --web-workers 2 a session and a logout hold at either, and one that is killed does not end the service."""
    with Service(tmp_path, "--web-workers", "2") as service:
        ann = service.new_user("ann", "10.00")
        clients = [User(service.client(), ann.email, ann.token) for _ in range(8)]
        assert len(service.webs) == 2
        assert {user.account()["balance"] for user in clients} == {"10.00"}

        os.kill(service.webs[0].pid, signal.SIGKILL)
        wait_until(lambda: len(service.webs) == 2, seconds=START_SECONDS_MAX, what="the second web process")
        service.wait_until_ready(RECOVERY_SECONDS_MAX)
        # Connections to the one that was killed are gone; new ones are not.
        assert service.client().send("POST", "/v1/logout", token=ann.token).outcome == (200, "ok")

        fresh = [User(service.client(), ann.email, ann.token) for _ in range(8)]
        assert {user.send("GET", "/v1/account").outcome for user in fresh} == {(401, "unauthenticated")}


def test_second_service_on_the_same_data_is_refused(held_and_rival: tuple[Service, subprocess.Popen[str]]) -> None:
    """A second `serve` on a data directory that is in use says so and exits with 2; the first goes on."""
    held, rival = held_and_rival

    stdout, stderr = rival.communicate(timeout=15)

    assert rival.returncode == 2
    assert f"another Shillings uses {held.data_dir}/shillings.db" in stderr
    assert "Traceback" not in stderr
    assert "Shillings is at" not in stdout
    assert held.new_user("ann", "1.00").account()["balance"] == "1.00"
