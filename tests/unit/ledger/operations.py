"""Three people and what they may ask of the ledger."""

from collections.abc import Iterable, Mapping

from shillings.ledger.book import Book, Links
from shillings.ledger.operation import Header, fingerprint
from shillings.ledger.payment import Payment
from shillings.ledger.rows import AccountId, KeyOwner, KeyRow, Wallet
from shillings.ledger.topup import TopUp
from tests.values import new_id

ANN, BOB, CAT = (bytes([letter]) * 16 for letter in b"abc")
EMAILS = {ANN: "ann@example.com", BOB: "bob@example.com", CAT: "cat@example.com"}
NOBODY = "nobody@example.com"
TOKEN = b"t" * 16
NOW = "2026-01-02 03:04:05.000006"
"""When books are opened."""

KEYS_SINCE = "2026-01-01 03:04:05.000006"


def payment(user: AccountId, receiver: str, amount_minor: int, key: str = "", token: bytes = TOKEN) -> Payment:
    """A request to pay."""
    return Payment(_header(user, key, token, "payment", receiver, amount_minor), receiver, amount_minor)


def topup(user: AccountId, amount_minor: int, key: str = "", token: bytes = TOKEN) -> TopUp:
    """A request to top up."""
    return TopUp(_header(user, key, token, "topup", "", amount_minor), amount_minor)


def _header(user: AccountId, key: str, token: bytes, *fields: str | int) -> Header:
    return Header(new_id(), user, token, key, fingerprint(*fields), "request")


def book(
    balances: Mapping[AccountId, int],
    answers: Mapping[KeyOwner, KeyRow] | None = None,
    revoked: Iterable[bytes] = (),
) -> Book:
    """A book of these people's wallets."""
    return Book(
        now=NOW,
        keys_since=KEYS_SINCE,
        links=Links(users={email: user for user, email in EMAILS.items()}),
        accounts={user: Wallet(user, EMAILS[user], balance, 0) for user, balance in balances.items()},
        answers=dict(answers or {}),
        revoked=frozenset(revoked),
    )
