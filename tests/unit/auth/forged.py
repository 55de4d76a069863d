"""Tokens that must not pass, each wrong in one way; made by hand, without the library that verifies them."""

import base64
import hashlib
import hmac
import json
from typing import Any

KEY = "right-key-0123456789abcdef0123456789"
WRONG_KEY = "wrong-key-0123456789abcdef0123456789"
NOW = 1_800_000_000
USER, SESSION = "0190c1d0-0000-7000-8000-000000000001", "0190c1d0-0000-7000-8000-000000000002"
CLAIMS: dict[str, Any] = {
    "iss": "shillings",
    "aud": "shillings",
    "sub": USER,
    "jti": SESSION,
    "iat": NOW,
    "exp": NOW + 60,
}
HEADER: dict[str, Any] = {"alg": "HS256", "typ": "JWT"}
_DIGESTS = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}


def part(value: object) -> str:
    """One part of a token: JSON, or bytes or text as they are, in unpadded base64url."""
    if isinstance(value, str):
        value = value.encode()
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(header: object = HEADER, claims: object = CLAIMS, key: str = KEY, digest: str = "HS256") -> str:
    """A token with any header and claims, signed."""
    signed = f"{part(header)}.{part(claims)}"
    return f"{signed}.{part(hmac.digest(key.encode(), signed.encode(), _DIGESTS[digest]))}"


def with_header(**fields: object) -> str:
    """A token with another header, properly signed."""
    return token(HEADER | fields)


def with_claims(**fields: object) -> str:
    """A token with other claims, properly signed."""
    return token(claims=CLAIMS | fields)


def without(claim: str) -> str:
    """A token with a claim missing, properly signed."""
    return token(claims={name: value for name, value in CLAIMS.items() if name != claim})


def unsigned(algorithm: object) -> str:
    """A token that says its algorithm and has no signature."""
    return f"{part({'alg': algorithm, 'typ': 'JWT'})}.{part(CLAIMS)}."


_GOOD = token()
_HEADER, _CLAIMS, _SIGNATURE = _GOOD.split(".")

FORGED = {
    "nothing": "",
    "a word": "token",
    "dots": "..",
    "alg none": unsigned("none"),
    "alg None": unsigned("None"),
    "alg nOnE": unsigned("nOnE"),
    "alg NONE": unsigned("NONE"),
    "alg empty": unsigned(""),
    "alg null": unsigned(None),
    "alg a list": unsigned(["HS256"]),
    "alg none, signed": with_header(alg="none"),
    "no alg": token({"typ": "JWT"}),
    "HS384": token(HEADER | {"alg": "HS384"}, digest="HS384"),
    "HS512": token(HEADER | {"alg": "HS512"}, digest="HS512"),
    "RS256 with the secret": with_header(alg="RS256"),
    "ES256 with the secret": with_header(alg="ES256"),
    "hs256 in lower case": with_header(alg="hs256"),
    "another key": token(key=WRONG_KEY),
    "empty key": token(key=""),
    "kid, jku and jwk of the forger": token(
        HEADER | {"kid": "../../dev/null", "jku": "http://127.0.0.1:9/k", "jwk": {"kty": "oct", "k": "AA"}},
        key=WRONG_KEY,
    ),
    "signature missing": f"{_HEADER}.{_CLAIMS}",
    "signature empty": f"{_HEADER}.{_CLAIMS}.",
    "signature cut": _GOOD[:-2],
    "signature changed": f"{_HEADER}.{_CLAIMS}.{'A' if _SIGNATURE[0] != 'A' else 'B'}{_SIGNATURE[1:]}",
    "signature of zeros": f"{_HEADER}.{_CLAIMS}.{part(bytes(32))}",
    "signature longer": f"{_GOOD}AAAA",
    "claims of another, signature kept": f"{_HEADER}.{part(CLAIMS | {'sub': SESSION})}.{_SIGNATURE}",
    "later expiry, signature kept": f"{_HEADER}.{part(CLAIMS | {'exp': NOW + 9999})}.{_SIGNATURE}",
    "extra dot in front": f".{_GOOD}",
    "extra dot behind": f"{_GOOD}.",
    "four parts": f"{_GOOD}.{_SIGNATURE}",
    "five parts, as JWE has": f"{_HEADER}.AAAA.AAAA.{_CLAIMS}.{_SIGNATURE}",
    "alg twice, none first": token('{"alg":"none","alg":"HS384","typ":"JWT"}'),
    "alg twice, none last": token('{"alg":"HS256","alg":"none","typ":"JWT"}'),
    "critical extension": with_header(crit=["exp"]),
    "payload not encoded": with_header(b64=False, crit=["b64"]),
    "header no JSON": token("alg:HS256"),
    "header a list": token(["HS256"]),
    "header not base64": f"!!!.{_CLAIMS}.{_SIGNATURE}",
    "claims no JSON": token(claims="sub"),
    "claims a list": token(claims=[USER]),
    "claims NUL": token(claims=b"\0"),
    "no sub": without("sub"),
    "no jti": without("jti"),
    "no iat": without("iat"),
    "no exp": without("exp"),
    "exp null": with_claims(exp=None),
    "exp text": with_claims(exp="soon"),
    "exp digits in text": with_claims(exp=str(NOW + 60)),
    "exp a list": with_claims(exp=[NOW + 60]),
    "exp true": with_claims(exp=True),
    "exp infinite": with_claims(exp=float("inf")),
    "exp no number": with_claims(exp=float("nan")),
    "exp negative": with_claims(exp=-1),
    "expired": with_claims(exp=NOW - 1),
    "expires now": with_claims(exp=NOW),
    "not before later": with_claims(nbf=NOW + 10**9),
    "for another audience": with_claims(aud="somebody else"),
    "for several audiences": with_claims(aud=["somebody else", "shillings"]),
    "by another issuer": with_claims(iss="somebody else"),
    "issuer a list": with_claims(iss=["shillings"]),
    "no iss": without("iss"),
    "no aud": without("aud"),
    "sub a number": with_claims(sub=1),
    "sub null": with_claims(sub=None),
    "sub no UUID": with_claims(sub="admin"),
    "sub a list": with_claims(sub=[USER]),
    "jti a number": with_claims(jti=2),
    "jti no UUID": with_claims(jti="../x"),
    "huge": with_claims(more="x" * 2000),
    "huge and no token": "e" * 100_000,
    "letters beyond ASCII": "é" * 40,
    "lone surrogate": f"{_HEADER}.{_CLAIMS}.\udc80",
    "white space": f" {_GOOD}",
    "line end": f"{_GOOD}\n",
    "NUL": f"{_GOOD}\0",
    "exp a fraction": with_claims(exp=NOW + 60.5),
}
