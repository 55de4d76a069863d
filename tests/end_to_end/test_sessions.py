"""Sessions: the cookie, the tokens that are none, and what logging out does."""

import base64
import hmac
import json
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
import pytest

from tests.service import Client, Service, User, token_of

OTHER_KEY = "0123456789abcdef0123456789abcdef"
NOBODY = "00000000-0000-0000-0000-000000000000"
READS = [("GET", "/v1/account"), ("GET", "/v1/transactions")]
WRITES = [("POST", "/v1/pay"), ("POST", "/v1/topup"), ("POST", "/v1/logout")]
BODIES = {"/v1/pay": {"receiver_email": "dave@example.com", "amount": "1.00"}, "/v1/topup": {"amount": "1.00"}}


def encoded(part: object) -> str:
    """One part of a JWT."""
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def claims_of(token: str) -> dict[str, Any]:
    """What a token says."""
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def forged(token: str, key: str) -> dict[str, str]:
    """Tokens that say what a valid one says, and are not valid."""
    claims = claims_of(token)
    header, payload, signature = token.split(".")
    now = int(time.time())

    def signed(**changed: object) -> str:
        return jwt.encode({k: v for k, v in (claims | changed).items() if v is not None}, key, algorithm="HS256")

    def headed(**more: object) -> str:
        return jwt.encode(claims, OTHER_KEY, algorithm="HS256", headers=dict(more))

    def mac(algorithm: str, digest: str) -> str:
        text = f"{encoded({'alg': algorithm, 'typ': 'JWT'})}.{payload}"
        signature = hmac.digest(key.encode(), text.encode(), digest)
        return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"

    def unsigned(algorithm: str) -> str:
        return f"{encoded({'alg': algorithm, 'typ': 'JWT'})}.{payload}."

    return {
        "nothing": "",
        "text": "token",
        "dots": "..",
        "another key": jwt.encode(claims, OTHER_KEY, algorithm="HS256"),
        "HS384 with the key": mac("HS384", "sha384"),
        "HS512 with the key": mac("HS512", "sha512"),
        "HS512 by name only": mac("HS512", "sha256"),
        "alg none": unsigned("none"),
        "alg None": unsigned("None"),
        "alg nOnE": unsigned("nOnE"),
        "alg empty": unsigned(""),
        "alg none with the signature": f"{encoded({'alg': 'none'})}.{payload}.{signature}",
        "alg RS256": f"{encoded({'alg': 'RS256'})}.{payload}.{signature}",
        "no alg": f"{encoded({'typ': 'JWT'})}.{payload}.{signature}",
        "no signature": f"{header}.{payload}.",
        "no signature and no dot": f"{header}.{payload}",
        "signature cut": f"{header}.{payload}.{signature[:-2]}",
        "signature reversed": f"{header}.{payload}.{signature[::-1]}",
        "token cut": token[: len(token) // 2],
        "payload of somebody else": f"{header}.{encoded(claims | {'sub': str(uuid4())})}.{signature}",
        "one part more": f"{token}.x",
        "dot in front": f".{token}",
        "too long": f"{token}{'A' * 2000}",
        "not ASCII": f"{token}é",
        "expired": signed(exp=now - 1),
        "expired long ago": signed(exp=1),
        "negative exp": signed(exp=-1),
        "no exp": signed(exp=None),
        "no sub": signed(sub=None),
        "no jti": signed(jti=None),
        "no iat": signed(iat=None),
        "exp is text": signed(exp="tomorrow"),
        "exp beyond numbers": signed(exp=1e400),
        "not yet": signed(nbf=now + 3600),
        "sub is no id": signed(sub="carol@example.com"),
        "sub is nobody": signed(sub=str(uuid4()), jti=str(uuid4())),
        "sub is the funding account": signed(sub=NOBODY, jti=str(uuid4())),
        "jti is no id": signed(jti="1' OR '1'='1"),
        "kid": headed(kid="../../dev/null"),
        "jku": headed(jku="http://127.0.0.1:9/keys"),
        "jwk": headed(jwk={"kty": "oct", "k": base64.urlsafe_b64encode(OTHER_KEY.encode()).decode()}),
        "x5u": headed(x5u="http://127.0.0.1:9/cert"),
        "crit": headed(crit=["exp"]),
    }  # fmt: skip


def test_token_that_is_none_opens_nothing(client: Client, carol: User, dave: User, jwt_key: str) -> None:
    """Every kind of forged, expired or mangled token gets the one 401 everywhere, and nothing changes."""
    before = carol.state(), dave.state()

    for kind, token in forged(carol.token, jwt_key).items():
        for method, path in READS + WRITES:
            bearer = [(b"Authorization", b"Bearer " + token.encode("latin-1") if token else b"Bearer")]
            answer = client.send(method, path, BODIES.get(path), headers=bearer)
            assert answer.outcome == (401, "unauthenticated"), f"{kind} at {path}: {answer}"
            assert answer.headers["www-authenticate"] == "Bearer"
            assert answer.message.startswith("Log in first")

    assert (carol.state(), dave.state()) == before


def test_token_is_taken_as_cookie_or_bearer(client: Client, carol: User) -> None:
    """The token works in the cookie `token` and as Bearer token, in any case of the word."""
    for headers in (
        {"Cookie": f"token={carol.token}"},
        {"Cookie": f"a=b; token={carol.token}; c=d"},
        {"Authorization": f"Bearer {carol.token}"},
        {"Authorization": f"bearer {carol.token}"},
    ):
        assert client.send("GET", "/v1/account", headers=headers).outcome == (200, "ok"), headers


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_bearer_token_wins_over_the_cookie(client: Client, carol: User, scheme: str) -> None:
    """A Bearer token that is wrong is refused, whatever the cookie says."""
    headers = {"Authorization": f"{scheme} nonsense", "Cookie": f"token={carol.token}"}

    assert client.send("GET", "/v1/account", headers=headers).outcome == (401, "unauthenticated")


def test_token_in_the_query_is_ignored(client: Client, carol: User) -> None:
    """A token in the address opens nothing, as addresses end up in logs."""
    assert client.send("GET", f"/v1/account?token={carol.token}").outcome == (401, "unauthenticated")


def test_cookie_is_for_this_site_and_no_script(client: Client, name: str) -> None:
    """Login sets one cookie: HttpOnly, SameSite=Strict, for every path, of no domain, that ends with its token."""
    client.sign_up(f"{name}@example.com")

    answer = client.log_in(f"{name}@example.com")

    cookie = answer.headers["set-cookie"]
    first, *attributes = cookie.split("; ")
    assert sorted(attributes) == ["HttpOnly", "Max-Age=86400", "Path=/", "SameSite=Strict"]
    claims = claims_of(first.removeprefix("token="))
    assert claims["exp"] - claims["iat"] == 86400
    assert abs(claims["iat"] - time.time()) < 60
    assert claims.keys() == {"iss", "aud", "sub", "jti", "iat", "exp"}
    assert answer.body == {"token": first.removeprefix("token="), "lifetime_s": 86400}


def test_login_is_noted(service: Service) -> None:
    """The time of a user's last login is kept; a wrong password does not count as one."""
    email = f"{uuid4()}@example.com"
    client = service.client()

    def last_login() -> str | None:
        with closing(sqlite3.connect(f"file:{service.data_dir / 'shillings.db'}?mode=ro", uri=True)) as database:
            found: tuple[str | None] = database.execute(
                "SELECT last_login FROM credentials WHERE email = ?", (email,)
            ).fetchone()
        return found[0]

    client.sign_up(email)
    assert last_login() is None
    assert client.log_in(email, "not the password").outcome == (401, "unauthenticated")
    assert last_login() is None
    client.log_in(email)
    first = last_login()
    client.log_in(email)
    assert "" < (first or "") < (last_login() or "")


def test_logout_clears_the_cookie(ann: User) -> None:
    """Logout tells the browser to forget the cookie, with the attributes it was set with."""
    answer = ann.send("POST", "/v1/logout")

    assert answer.headers["set-cookie"] == "token=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict"


def test_only_login_and_logout_set_cookies(ann: User, bob: User) -> None:
    """No other answer sets a cookie."""
    answers = [
        ann.client.sign_up(f"x.{ann.email}"),
        ann.send("GET", "/v1/account"),
        ann.send("GET", "/v1/transactions"),
        ann.top_up("1.00"),
        ann.pay(bob.email, "1.00"),
        ann.client.send("GET", "/readyz"),
    ]

    assert all(answer.outcome == (200, "ok") for answer in answers)
    assert not any("set-cookie" in answer.headers for answer in answers)


def test_logged_out_token_is_dead_everywhere(ann: User, bob: User) -> None:
    """After logout the token opens nothing, moves nothing, and cannot be used to log out again."""
    before = bob.state()
    assert ann.send("GET", "/v1/account").outcome == (200, "ok")
    assert ann.send("POST", "/v1/logout").outcome == (200, "ok")

    for method, path in READS + WRITES:
        body = BODIES.get(path) and BODIES[path] | ({"receiver_email": bob.email} if path == "/v1/pay" else {})
        assert ann.send(method, path, body).outcome == (401, "unauthenticated")

    assert bob.state() == before
    again = User(ann.client, ann.email, token_of(ann.client.log_in(ann.email)))
    assert again.account()["balance"] == "100.00"


def test_logout_ends_one_session_only(ann: User) -> None:
    """Another session of the same user goes on."""
    other = User(ann.client, ann.email, token_of(ann.client.log_in(ann.email)))
    assert other.token != ann.token

    assert ann.send("POST", "/v1/logout").outcome == (200, "ok")

    assert other.account()["balance"] == "100.00"


@pytest.fixture(scope="module")
def strict_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service behind TLS, with two keys and short sessions."""
    folder: Path = tmp_path_factory.mktemp("strict")
    keys = f"{OTHER_KEY}, {OTHER_KEY[::-1]}"
    with Service(
        folder, SHILLINGS_COOKIE_SECURE="1", SHILLINGS_TOKEN_LIFETIME_SECONDS="2", SHILLINGS_JWT_KEYS=keys
    ) as running:
        yield running


def test_cookie_is_secure_behind_tls(strict_service: Service) -> None:
    """With SHILLINGS_COOKIE_SECURE=1 the cookie is for TLS only, and browsers are told to stay with it."""
    client = strict_service.client()
    client.sign_up("ann@example.com")
    answer = client.log_in("ann@example.com")

    assert re.fullmatch(
        r"token=[\w.-]+; Max-Age=2; Path=/; HttpOnly; SameSite=Strict; Secure", answer.headers["set-cookie"]
    )
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    assert client.send("GET", "/nothing").headers["strict-transport-security"] == "max-age=31536000"


def test_token_ends_when_it_says(strict_service: Service) -> None:
    """A token that was used and remembered is refused from the second it expires."""
    user = strict_service.new_user("expires")
    expires_at = claims_of(user.token)["exp"]
    last_good = 0.0
    ends = time.monotonic() + 10
    while time.monotonic() < ends:
        asked_at = time.time()
        outcome = user.send("GET", "/v1/account").outcome
        if outcome == (401, "unauthenticated"):
            break
        assert outcome == (200, "ok")
        last_good = asked_at

    assert outcome == (401, "unauthenticated")
    assert last_good < expires_at <= time.time()


def test_keys_rotate(strict_service: Service) -> None:
    """A token signed with an older key that is still listed is taken; the first key signs."""
    user = strict_service.new_user("rotates")
    jwt.decode(user.token, OTHER_KEY, algorithms=["HS256"], audience="shillings")
    old = jwt.encode(claims_of(user.token), OTHER_KEY[::-1], algorithm="HS256")

    assert user.client.send("GET", "/v1/account", token=old).outcome == (200, "ok")
