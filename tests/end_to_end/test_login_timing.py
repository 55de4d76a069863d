"""Nobody learns from a login or a sign-up, by its answer or its time, who has an account."""

import statistics
import time
from collections.abc import Callable

from tests.figures import note
from tests.service import Answer, Client

ROUNDS = 60
TRIES = 3
"""A difference that is in the code is there every time; one that a busy machine made is not."""

LOGIN_DIFFERENCE_MAX = 0.15
HASHING_SHARE_MIN = 0.7


def timed(ask: Callable[..., Answer], *arguments: str) -> tuple[float, Answer]:
    """How many seconds a request took, and its answer."""
    began = time.perf_counter()
    answer = ask(*arguments)
    return time.perf_counter() - began, answer


def test_login_does_not_tell_who_exists(client: Client, name: str) -> None:
    """An unknown user and a wrong password get the same answer, but for its request id, in the same time."""
    email = f"{name}@example.com"
    client.sign_up(email)
    answers: list[Answer] = []

    def differ() -> float:
        known: list[float] = []
        unknown: list[float] = []
        for number in range(ROUNDS):
            for seconds, asked in ((known, email), (unknown, f"nobody{number}.{email}")):
                took, answer = timed(client.log_in, asked, "wrong horse battery")
                seconds.append(took)
                answers.append(answer)
        one, other = statistics.median(known), statistics.median(unknown)
        note(f"login refused: median {one * 1000:.1f} ms wrong password, {other * 1000:.1f} ms unknown, {ROUNDS} each")
        return abs(one - other) / max(one, other)

    assert any(differ() <= LOGIN_DIFFERENCE_MAX for _ in range(TRIES))
    assert {answer.outcome for answer in answers} == {(401, "unauthenticated")}
    assert {answer.content for answer in answers} == {answers[0].content}
    assert {tuple(name for name in answer.headers if name != "date") for answer in answers} == {
        tuple(name for name in answers[0].headers if name != "date")
    }


def test_sign_up_hashes_for_a_taken_email_too(client: Client, name: str) -> None:
    """A sign-up with a taken email takes the time of hashing a password, as one with a new email does."""
    email = f"{name}@example.com"
    client.sign_up(email)

    def are_alike(attempt: int) -> bool:
        new: list[float] = []
        taken: list[float] = []
        refused: list[float] = []
        for number in range(ROUNDS // 4):
            for seconds, asked, due in ((new, f"n{attempt}.{number}.{email}", "ok"), (taken, email, "email_taken")):
                took, answer = timed(client.sign_up, asked)
                assert answer.code == due
                seconds.append(took)
            refused.append(timed(client.sign_up, email, "short")[0])
        one, other, none = (statistics.median(seconds) * 1000 for seconds in (new, taken, refused))
        note(f"sign-up: median {one:.1f} ms new email, {other:.1f} ms taken, {none:.1f} ms not hashed")
        return other >= HASHING_SHARE_MIN * one and other > 3 * none

    assert any(are_alike(attempt) for attempt in range(TRIES))
