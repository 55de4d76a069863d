"""The sandbox is its user's own: no page in a browser reaches it, nor anybody beyond this machine without its key."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import run_shillings
from tests.service import Client, Service, User

RULES = "/v1/sandbox/faults"
KEY = "sandbox-key-0123456789"
RULE = b'{"fault": "error", "times": 1000}'
JSON = "application/json"

ATTACKS = {
    "a name that resolves to loopback": ("GET", {"Host": "evil.example"}, b"", (403, "forbidden")),
    "the same with the port": ("POST", {"Host": "evil.example:8080", "Content-Type": JSON}, RULE, (403, "forbidden")),
    "a name that ends like ours": ("GET", {"Host": "localhost.evil.example"}, b"", (403, "forbidden")),
    "a page of another origin": (
        "POST", {"Origin": "http://evil.example", "Content-Type": JSON}, RULE, (403, "forbidden"),
    ),
    "a page on another port of this machine": (
        "POST", {"Origin": "http://127.0.0.1:3000", "Content-Type": JSON}, RULE, (403, "forbidden"),
    ),
    "a page without an origin of its own": (
        "POST", {"Origin": "null", "Content-Type": JSON}, RULE, (403, "forbidden"),
    ),
    "an image": ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, b"", (403, "forbidden")),
    "a page of the same site": ("GET", {"Sec-Fetch-Site": "same-site"}, b"", (403, "forbidden")),
    "a form": (
        "POST", {"Content-Type": "application/x-www-form-urlencoded"}, RULE, (415, "unsupported_media_type"),
    ),
    "a form in plain text": ("POST", {"Content-Type": "text/plain"}, RULE, (415, "unsupported_media_type")),
    "a beacon without a type": ("POST", {"Content-Type": ""}, RULE, (415, "unsupported_media_type")),
    "a form without a field": (
        "POST", {"Origin": "null", "Content-Type": "application/x-www-form-urlencoded"}, b"", (403, "forbidden"),
    ),
    "a webhook": ("POST", {"webhook-id": "msg_1", "Content-Type": JSON}, RULE, (403, "forbidden")),
    "a removal from elsewhere": ("DELETE", {"Origin": "http://evil.example"}, b"", (403, "forbidden")),
}  # fmt: skip


@pytest.mark.parametrize(("method", "headers", "body", "outcome"), ATTACKS.values(), ids=list(ATTACKS))
def test_page_in_a_browser_reaches_nothing(
    method: str, headers: dict[str, str], body: bytes, outcome: tuple[int, str], client: Client
) -> None:
    """Whatever a page can make its reader's browser send is refused, and changes nothing."""
    before = client.send("GET", RULES).body

    assert client.send(method, RULES, content=body, headers=headers).outcome == outcome
    assert client.send("GET", RULES).body == before


@pytest.mark.parametrize("path", ["/v1/sandbox/clock/reset", "/v1/sandbox/idempotency"])
@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", ""])
def test_body_that_is_not_there_has_no_media_type_here_either(path: str, kind: str, client: Client) -> None:
    """An empty body is no body, whatever a client's library says of it, as everywhere else."""
    assert client.send("POST", path, content=b"", headers={"Content-Type": kind}).outcome == (200, "ok")


@pytest.mark.parametrize("origin", ["http://localhost:{port}", "http://127.0.0.1:{port}"])
def test_own_page_reaches_it(origin: str, client: Client) -> None:
    """A page that this service serves itself may call the sandbox, under each of its names."""
    own = origin.format(port=client.url.rpartition(":")[2])
    headers = {"Host": own.removeprefix("http://"), "Origin": own, "Sec-Fetch-Site": "same-origin"}

    assert client.send("GET", RULES, headers=headers).outcome == (200, "ok")


def test_rest_of_the_api_is_as_open_as_before(client: Client, carol: User) -> None:
    """The guard is the sandbox's: other calls are made under any name."""
    answer = client.send("GET", "/v1/account", headers={"Host": "shillings.example"}, token=carol.token)

    assert answer.outcome == (200, "ok")


@pytest.fixture(scope="module")
def exposed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that listens on every network, with a key, under a name of its own."""
    folder = tmp_path_factory.mktemp("exposed")
    settings = {"SHILLINGS_SANDBOX_KEY": KEY, "SHILLINGS_SANDBOX_HOSTS": "pay.test, other.test"}
    with Service(folder, "--host", "0.0.0.0", **settings) as service:
        yield service


@pytest.mark.parametrize(
    ("headers", "outcome"),
    [
        ({}, (401, "unauthenticated")),
        ({"Authorization": "Bearer wrong"}, (401, "unauthenticated")),
        ({"Authorization": f"Basic {KEY}"}, (401, "unauthenticated")),
        ({"Cookie": f"token={KEY}"}, (401, "unauthenticated")),
        ({"Authorization": f"Bearer {KEY}"}, (200, "ok")),
        ({"Authorization": f"Bearer {KEY}", "Host": "pay.test:8080"}, (200, "ok")),
        ({"Authorization": f"Bearer {KEY}", "Host": "evil.example"}, (403, "forbidden")),
    ],
)
def test_key_is_needed_where_one_is_set(headers: dict[str, str], outcome: tuple[int, str], exposed: Service) -> None:
    """With a key set, only who brings it as a Bearer token gets in, under a name that is known."""
    assert exposed.client().send("GET", RULES, headers=headers).outcome == outcome


def test_session_is_no_key(exposed: Service) -> None:
    """Somebody's session opens nothing of the sandbox."""
    user = exposed.new_user("ann")

    assert user.send("GET", RULES).outcome == (401, "unauthenticated")
    assert user.send("DELETE", RULES).outcome == (401, "unauthenticated")


@pytest.mark.parametrize(
    ("arguments", "settings"),
    [(("--host", "0.0.0.0"), {}), ((), {"SHILLINGS_SANDBOX": "0"})],
    ids=["beyond loopback without a key", "switched off"],
)
def test_sandbox_that_is_off_is_not_there(arguments: tuple[str, ...], settings: dict[str, str], tmp_path: Path) -> None:
    """Without a sandbox its paths are 404, its options are no more than headers, and the document does not know it."""
    with Service(tmp_path, *arguments, **settings) as service:
        client = service.client()
        user = service.new_user("ann")
        ignored = client.send("GET", "/v1/account", headers={"Shillings-Fault": "error"}, token=user.token)
        document = client.send("GET", "/openapi.json").body

        assert client.send("GET", RULES).outcome == (404, "not_found")
        assert client.send("POST", RULES, {"fault": "error"}).outcome == (404, "not_found")
        assert ignored.outcome == (200, "ok")
        assert "shillings-fault-applied" not in ignored.headers
        assert user.pay("fault+error@shillings.test", "1").outcome == (404, "receiver_not_found")
        assert not [path for path in document["paths"] if "sandbox" in path]


def test_sandbox_beyond_loopback_needs_a_key(tmp_path: Path) -> None:
    """Who wants a sandbox for everybody is told at start to set a key."""
    result = run_shillings("serve", "--host", "0.0.0.0", "--port", "0", cwd=tmp_path, SHILLINGS_SANDBOX="1")

    assert result.returncode == 2
    assert "SHILLINGS_SANDBOX_KEY" in result.stderr


@pytest.mark.parametrize("key", ["short", "with space in it 0123"])
def test_weak_key_is_refused(key: str, tmp_path: Path) -> None:
    """A key that could be guessed, or that no header can carry, is refused at start."""
    result = run_shillings("serve", "--port", "0", cwd=tmp_path, SHILLINGS_SANDBOX_KEY=key)

    assert result.returncode == 2
    assert "SHILLINGS_SANDBOX_KEY" in result.stderr
