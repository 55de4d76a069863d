"""The history: newest first, page by page, whatever happens meanwhile."""

# ruff: noqa: RUF001 - letters that look like others are what some tests are about

from collections.abc import Iterator
from datetime import datetime
from urllib.parse import quote

import pytest

from shillings.base.limits import PAGE_BYTES_MAX
from tests.service import Client, User


@pytest.fixture(scope="module")
def frank(session_client: Client) -> User:
    """Somebody who topped up 0.01, 0.02 … 0.45."""
    user = session_client.new_user("frank")
    for number in range(1, 46):
        assert user.top_up(f"0.{number:02d}").outcome == (200, "ok")
    return user


def pages(user: User, limit: int) -> Iterator[list[str]]:
    """The amounts of each page."""
    cursor: str | None = ""
    while cursor is not None:
        answer = user.send("GET", f"/v1/transactions?limit={limit}&cursor={cursor}")
        assert answer.outcome == (200, "ok")
        cursor = answer.body["next_cursor"]
        yield [line["amount"] for line in answer.body["transactions"]]


def test_history_is_newest_first(frank: User) -> None:
    """The history runs from the newest transaction to the first, and its times never rise."""
    lines = frank.history()

    assert [line["amount"] for line in lines] == [f"0.{number:02d}" for number in range(45, 0, -1)]
    times = [datetime.fromisoformat(line["created_at"]) for line in lines]
    assert times == sorted(times, reverse=True)
    assert all(line["created_at"].endswith("Z") for line in lines)


def test_page_has_20_lines_unless_told_otherwise(frank: User) -> None:
    """Without a limit a page has 20 lines and says how to go on."""
    for query in ("", "?cursor=", "?limit=20"):
        answer = frank.send("GET", f"/v1/transactions{query}")
        assert len(answer.body["transactions"]) == 20
        assert answer.body["next_cursor"]


@pytest.mark.parametrize("limit", [1, 2, 7, 44, 45, 46, 99, 100])
def test_pages_have_no_gap_and_no_repeat(frank: User, limit: int) -> None:
    """Whatever the limit, the pages together are the history, each but the last one full."""
    found = list(pages(frank, limit))

    assert [amount for page in found for amount in page] == [f"0.{number:02d}" for number in range(45, 0, -1)]
    assert all(len(page) == limit for page in found[:-1])
    assert 1 <= len(found[-1]) <= limit


def test_page_that_grows_too_large_ends_earlier(ann: User) -> None:
    """A hundred transactions with all the metadata there may be are read page by page, whatever limit is asked for."""
    metadata = {"\U0001f4b8" * 39 + letter: "\U0001f4b8" * 200 for letter in "abcdefghijklmnop"}
    body = {"amount": "0.01", "reference": "\U0001f4b8" * 128, "metadata": metadata}
    made = [ann.send("POST", "/v1/topup", body).body["transaction_id"] for _ in range(100)]

    found: list[str] = []
    for query in ("", "kind=topup&"):
        found, cursor = [], ""
        while cursor is not None:
            answer = ann.send("GET", f"/v1/transactions?{query}limit=100&cursor={cursor}")
            assert answer.outcome == (200, "ok")
            assert len(answer.content) < 2 * PAGE_BYTES_MAX
            cursor = answer.body["next_cursor"]
            found += [line["transaction_id"] for line in answer.body["transactions"]]

        assert found[:100] == made[::-1]


def test_new_payments_do_not_move_pages(ann: User, bob: User) -> None:
    """While payments in both directions arrive between the pages, the pages have no gap and no repeat."""
    for _ in range(12):
        assert ann.pay(bob.email, "1.00").outcome == (200, "ok")
    before = [line["transaction_id"] for line in ann.history()]

    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = ann.send("GET", f"/v1/transactions?limit=3&cursor={cursor}")
        cursor = answer.body["next_cursor"]
        found += [line["transaction_id"] for line in answer.body["transactions"]]
        assert ann.pay(bob.email, "0.01").outcome == bob.pay(ann.email, "0.02").outcome == (200, "ok")

    assert found == before
    assert [line["transaction_id"] for line in ann.history()][-len(before) :] == before


def test_new_user_has_no_history(bob: User) -> None:
    """Somebody who never moved money has an empty page and no next one."""
    answer = bob.send("GET", "/v1/transactions")

    assert answer.body == {"transactions": [], "next_cursor": None}


def test_cursor_past_the_end_is_an_empty_page(frank: User) -> None:
    """A cursor at the first transaction gives an empty page and no next one."""
    assert frank.send("GET", "/v1/transactions?cursor=s1").body == {"transactions": [], "next_cursor": None}


@pytest.mark.parametrize("limit", ["0", "-1", "101", "1000000000", "99999999999999999999", "abc", "", "1.5", "null",
                                   "0x10", "1 2", "\0"])  # fmt: skip
def test_limit_outside_1_to_100_is_refused(frank: User, limit: str) -> None:
    """A limit that is not a number from 1 to 100 is refused by its name."""
    answer = frank.send("GET", f"/v1/transactions?limit={quote(limit)}")

    assert answer.outcome == (400, "invalid_request")
    assert answer.message.startswith("limit")


@pytest.mark.parametrize("cursor", ["x", "s", "s-1", "s1.5", "s" + "9" * 19, "1", "S1", "s1 ", "s1'--", "s1\0", "ｓ１",
                                    "s٣", "../../etc/passwd"])  # fmt: skip
def test_what_is_no_cursor_is_refused(frank: User, cursor: str) -> None:
    """A cursor that the service never made is refused by its name."""
    answer = frank.send("GET", f"/v1/transactions?cursor={quote(cursor)}")

    assert answer.outcome == (400, "invalid_request")
    assert answer.message.startswith("cursor")


@pytest.mark.parametrize(
    "query", ["page=2", "limit=5&offset=1", "Limit=5", "user_id=1", "limit", "limit=1&limit=2", "a=b=c"]
)
def test_other_parameters_are_refused(frank: User, query: str) -> None:
    """A parameter that the history does not know is refused: it would be lost in silence."""
    assert frank.send("GET", f"/v1/transactions?{query}").outcome == (400, "invalid_request")


def test_cursor_shows_only_ones_own(frank: User, bob: User) -> None:
    """Somebody else's cursor pages through one's own history, never theirs."""
    bob.top_up("1.00")
    cursor = frank.send("GET", "/v1/transactions?limit=1").body["next_cursor"]

    answer = bob.send("GET", f"/v1/transactions?cursor={cursor}")

    assert [line["amount"] for line in answer.body["transactions"]] == ["1.00"]
