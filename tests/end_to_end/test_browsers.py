"""What browsers and tools send beside what they were told to: none of it is in the way."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service import Client, Service, User

ORIGIN = "http://localhost:3000"
OTHERS = ["http://localhost:3001", "https://localhost:3000", "http://localhost:3000.evil.example", "null", ""]


def read_account(user: User, *headers: tuple[str, str]) -> int:
    """Read the account with exactly these headers; the status."""
    pairs = [(name.encode(), value.encode()) for name, value in headers]
    return user.client.send("GET", "/v1/account", headers=pairs).http


def test_scheme_that_is_not_bearer_hides_nothing(carol: User) -> None:
    """The cookie counts beside Basic credentials and beside an empty Bearer; a Bearer token that is wrong does not."""
    cookie = ("Cookie", f"token={carol.token}")

    assert read_account(carol, cookie, ("Authorization", "Basic YTpi")) == 200
    assert read_account(carol, cookie, ("Authorization", "Bearer")) == 200
    assert read_account(carol, cookie, ("Authorization", "Bearer x")) == 401


def test_every_cookie_is_tried(carol: User) -> None:
    """Another program's cookie with our name hides nothing, in whichever header and order they come."""
    ours, word, another = f"token={carol.token}", "token=x", "token=eyJh.eyJz.c2ln"

    for cookies in ([f"{word}; {ours}"], [f"{another}; {ours}"], [f"{ours}; {another}"], [word, ours], [another, ours]):
        assert read_account(carol, *(("Cookie", cookie) for cookie in cookies)) == 200, cookies
    assert read_account(carol, ("Cookie", f"{word}; {another}")) == 401


def test_many_other_cookies_hide_nothing(carol: User) -> None:
    """Nor do a dozen of them, also if they were ours once: of another service, say, or before a reset."""
    old = "; ".join(f"token={carol.token[:-6]}{number:06}" for number in range(12))

    assert read_account(carol, ("Cookie", f"{old}; token={carol.token}")) == 200


def test_body_that_is_not_there_has_no_media_type(client: Client, ann: User) -> None:
    """A logout with an empty body of any media type ends the session."""
    kinds = {"Content-Type": "application/x-www-form-urlencoded"}

    assert client.send("POST", "/v1/logout", content=b"", headers=kinds, token=ann.token).outcome == (200, "ok")
    assert ann.send("GET", "/v1/account").outcome == (401, "unauthenticated")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that a web page of another origin may call, and whose cookie has another name."""
    folder: Path = tmp_path_factory.mktemp("shop")
    settings = {"SHILLINGS_ALLOWED_ORIGINS": f"{ORIGIN}, http://127.0.0.1:5173", "SHILLINGS_COOKIE_NAME": "purse"}
    with Service(folder, **settings) as service:
        yield service


def ask_first(client: Client, origin: str) -> tuple[int, str | None]:
    """What a browser asks before it lets a page send JSON; the status, and which origin may."""
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,idempotency-key",
    }
    answer = client.send("OPTIONS", "/v1/pay", headers=headers)
    return answer.http, answer.headers.get("access-control-allow-origin")


def test_page_of_another_origin_may_call_when_it_is_allowed(shop: Service) -> None:
    """An allowed origin gets leave, cookies included, and may read every answer, refusals too, and its headers."""
    client = shop.client()
    assert ask_first(client, ORIGIN) == (200, ORIGIN)

    for path, http in (("/v1/account", 401), ("/healthz", 200), ("/nowhere", 404)):
        answer = client.send("GET", path, headers={"Origin": ORIGIN})
        assert answer.http == http
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert "X-Request-Id" in answer.headers["access-control-expose-headers"]
        assert answer.headers["vary"] == "Origin"


@pytest.mark.parametrize("origin", OTHERS)
def test_other_origins_get_no_leave(shop: Service, client: Client, origin: str) -> None:
    """Any other origin gets none; without the setting nobody does."""
    assert ask_first(shop.client(), origin) == (405, None)
    assert ask_first(client, origin) == (405, None)
    assert ask_first(client, ORIGIN) == (405, None)


def test_cookie_has_the_name_that_is_set(shop: Service) -> None:
    """The session's cookie has the name that is set, and no other counts."""
    client = shop.client()
    client.sign_up("ann@example.com")
    answer = client.log_in("ann@example.com")
    token = answer.body["token"]

    assert answer.headers["set-cookie"].startswith(f"purse={token}; ")
    assert client.send("GET", "/v1/account", headers={"Cookie": f"purse={token}"}).http == 200
    assert client.send("GET", "/v1/account", headers={"Cookie": f"token={token}"}).http == 401
