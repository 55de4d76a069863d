"""What the load generator sends: requests as bytes, made in advance as far as possible."""

import json
from collections.abc import Callable
from itertools import cycle
from random import Random

import msgspec

# Emails of numbered users all have one length, so a request's Content-Length is known before its receiver.
_BODY_START = b'{"receiver_email":"'
_BODY_END = b'","amount":"0.01"}'
_TOPUP_BODY = b'{"amount":"0.01"}'


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """What requests to send.

    Args:
        kind: pay, hold, refund, topup, account, transactions or login.
        tokens: one for each user who asks; user number n has the n-th.
        users: how many there are to be paid: numbers 0 to users - 1.
        receiver: the number of the one user whom everybody pays; a random one each time if None.
        transaction_ids: what the first user has received, and gives back one by one.
        in_turn: whether users who read ask one after the other; else whoever comes is left to chance.
        email: everybody's email, with a place for the number that makes all of them equally long.
        password: everybody's, for logins.
        acknowledges: whether an answer 200 names a transaction that must be in the ledger.
    """

    kind: str
    tokens: list[str]
    users: int
    receiver: int | None = None
    transaction_ids: list[str] = []
    in_turn: bool = False
    email: str = "user%07d@example.com"
    password: str = ""
    acknowledges: bool = False


def request_maker(traffic: Traffic, seed: str) -> Callable[[], bytes]:
    """A function that makes the next request.

    Args:
        traffic: what to send.
        seed: decides who asks and whom they pay, and is part of every Idempotency-Key; never the same twice on one
            database.
    """
    makers = {
        "pay": _pay("/v1/pay"),
        "hold": _pay("/v1/holds"),
        "refund": _refund,
        "topup": _top_up,
        "account": _read("/v1/account"),
        "transactions": _read("/v1/transactions?limit=20"),
        "login": _log_in,
    }
    return makers[traffic.kind](traffic, seed)


def _pay(path: str) -> Callable[[Traffic, str], Callable[[], bytes]]:
    def maker(traffic: Traffic, seed: str) -> Callable[[], bytes]:
        length = len(_BODY_START) + len(traffic.email % 0) + len(_BODY_END)
        heads = [_keyed_head(path, token, length, seed) for token in traffic.tokens]
        chance, askers, users = Random(seed).random, len(heads), traffic.users
        only = traffic.receiver
        count = 0

        def make() -> bytes:
            nonlocal count
            count += 1
            sender = int(chance() * askers)
            receiver = int(chance() * users) if only is None else only
            if receiver == sender:
                # The neighbour instead: nobody pays himself.
                if only is None:
                    receiver = (receiver + 1) % users
                else:
                    sender = (sender + 1) % askers
            return b'%s%012x\r\n\r\n{"receiver_email":"%s","amount":"0.01"}' % (
                heads[sender],
                count,
                (traffic.email % receiver).encode(),
            )

        return make

    return maker


def _refund(traffic: Traffic, seed: str) -> Callable[[], bytes]:
    bodies = [b'{"transaction_id":"%s"}' % one.encode() for one in traffic.transaction_ids]
    head = _keyed_head("/v1/refunds", traffic.tokens[0], len(bodies[0]), seed)
    numbered = enumerate(bodies)

    def make() -> bytes:
        count, body = next(numbered)
        return b"%s%012x\r\n\r\n%s" % (head, count, body)

    return make


def _top_up(traffic: Traffic, seed: str) -> Callable[[], bytes]:
    heads = [_keyed_head("/v1/topup", token, len(_TOPUP_BODY), seed) for token in traffic.tokens]
    chance, askers = Random(seed).random, len(heads)
    count = 0

    def make() -> bytes:
        nonlocal count
        count += 1
        return b"%s%012x\r\n\r\n%s" % (heads[int(chance() * askers)], count, _TOPUP_BODY)

    return make


def _read(path: str) -> Callable[[Traffic, str], Callable[[], bytes]]:
    def maker(traffic: Traffic, seed: str) -> Callable[[], bytes]:
        requests = [
            f"GET {path} HTTP/1.1\r\nHost: load\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
            for token in traffic.tokens
        ]
        if traffic.in_turn:
            return cycle(requests).__next__
        chance, askers = Random(seed).random, len(requests)
        return lambda: requests[int(chance() * askers)]

    return maker


def _log_in(traffic: Traffic, seed: str) -> Callable[[], bytes]:
    chance = Random(seed).random

    def make() -> bytes:
        body = json.dumps({"email": traffic.email % int(chance() * traffic.users), "password": traffic.password})
        return (
            "POST /v1/login HTTP/1.1\r\nHost: load\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    return make


def _keyed_head(path: str, token: str, body_bytes: int, seed: str) -> bytes:
    """Everything of a request up to the part of its Idempotency-Key that counts."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: load\r\nContent-Type: application/json\r\nContent-Length: {body_bytes}\r\n"
        f"Authorization: Bearer {token}\r\nIdempotency-Key: {seed}-"
    ).encode()
