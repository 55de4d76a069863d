"""Nobody learns from a login or a sign-up, by its answer or its time, who has an account."""

import statistics
import time
from collections.abc import Callable

from tests.figures import note
from tests.service import Answer, Client

ROUNDS = 60
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
    known: list[float] = []
    unknown: list[float] = []
    answers: list[Answer] = []
    for number in range(ROUNDS):
        for seconds, asked in ((known, email), (unknown, f"nobody{number}.{email}")):
            took, answer = timed(client.log_in, asked, "wrong horse battery")
            seconds.append(took)
            answers.append(answer)

    assert {answer.outcome for answer in answers} == {(401, "unauthenticated")}
    assert {answer.content for answer in answers} == {answers[0].content}
    assert {tuple(name for name in answer.headers if name != "date") for answer in answers} == {
        tuple(name for name in answers[0].headers if name != "date")
    }
    one, other = statistics.median(known), statistics.median(unknown)
    note(f"login refused: median {one * 1000:.1f} ms wrong password, {other * 1000:.1f} ms unknown user, {ROUNDS} each")
    assert abs(one - other) <= LOGIN_DIFFERENCE_MAX * max(one, other)


def test_sign_up_hashes_for_a_taken_email_too(client: Client, name: str) -> None:
    """A sign-up with a taken email takes the time of hashing a password, as one with a new email does."""
    email = f"{name}@example.com"
    client.sign_up(email)
    new: list[float] = []
    taken: list[float] = []
    refused: list[float] = []
    for number in range(ROUNDS // 4):
        for seconds, asked, due in ((new, f"n{number}.{email}", "ok"), (taken, email, "email_taken")):
            took, answer = timed(client.sign_up, asked)
            assert answer.code == due
            seconds.append(took)
        refused.append(timed(client.sign_up, email, "short")[0])

    one, other, none = (statistics.median(seconds) for seconds in (new, taken, refused))
    note(f"sign-up: median {one * 1000:.1f} ms new email, {other * 1000:.1f} ms taken, {none * 1000:.1f} ms not hashed")
    assert other >= HASHING_SHARE_MIN * one
    assert other > 3 * none
