"""Whether anybody listens: asked exactly while somebody does, and hardly ever while nobody does."""

from collections.abc import Callable
from typing import Any, cast

import pytest

from shillings.storage.event_writes import ANYBODY
from shillings.storage.executor import Connection
from shillings.storage.listening import DEAF_BATCHES_MAX, FRESH_SECONDS, Listening

ANN, HOOK = b"a" * 16, b"h" * 16
LISTENER = (HOOK, ANN, "", 0)


class Asked:
    """A connection that is asked once more."""

    def __init__(self, rows: list[tuple[object, ...]]) -> None:
        self.rows = rows
        self.seen: list[str] = []

    def query(self, *statements: str) -> list[Any]:
        """What is found."""
        self.seen += statements
        return [self.rows]


def asked(rows: list[tuple[object, ...]]) -> Connection:
    """See Asked."""
    return cast(Connection, Asked(rows))


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the monotonic clock."""
    moment = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: moment[0])

    def move(seconds: float) -> None:
        moment[0] += seconds

    return move


def deaf(listening: Listening) -> Listening:
    """One to whose batches nobody has listened for long."""
    for _ in range(DEAF_BATCHES_MAX):
        listening.statement([ANN])
        assert listening.audience(asked([]), [ANN], []) is None
    return listening


def test_nobody_is_asked_for_seldom(wait: Callable[[float], None]) -> None:
    """While nobody listens there is one short question in a while, and otherwise none."""
    listening = deaf(Listening())
    assert listening.statement([ANN]) == ANYBODY
    assert listening.audience(asked([]), [ANN], []) is None
    assert listening.statement([ANN]) == ""
    wait(FRESH_SECONDS)
    assert listening.statement([ANN]) == ANYBODY


def test_somebody_is_found_behind_the_same_locks(wait: Callable[[float], None]) -> None:
    """When anybody listens, who it is is asked at once, and with every batch from then on."""
    listening = deaf(Listening())
    wait(FRESH_SECONDS)
    assert listening.statement([ANN]) == ANYBODY
    audience = listening.audience(asked([LISTENER]), [ANN], [(1,)])

    assert audience is not None
    assert [one.endpoint_id for one in audience.listeners] == [HOOK]
    assert "webhook_endpoints" in listening.statement([ANN])
    assert listening.statement([ANN]) != ANYBODY


def test_new_endpoint_is_heard_of_at_once(wait: Callable[[float], None]) -> None:
    """Told that somebody may listen, it asks with the very next batch."""
    listening = deaf(Listening())
    listening.statement([ANN])
    listening.audience(asked([]), [ANN], [])
    assert listening.statement([ANN]) == ""
    listening.hear()
    assert listening.statement([ANN]) not in ("", ANYBODY)


def test_word_of_an_endpoint_between_question_and_answer_breaks_nothing(wait: Callable[[float], None]) -> None:
    """An answer is read as what was asked, whatever has been heard meanwhile."""
    listening = deaf(Listening())
    wait(FRESH_SECONDS)
    assert listening.statement([ANN]) == ANYBODY
    listening.hear()
    assert listening.audience(asked([LISTENER]), [ANN], [(1,)]) is not None


def test_everybodys_events_are_always_kept() -> None:
    """Where everybody's events are kept, there is an audience whoever listens."""
    listening = Listening(everybody=True)
    for _ in range(DEAF_BATCHES_MAX + 1):
        assert listening.statement([ANN]) not in ("", ANYBODY)
        audience = listening.audience(asked([]), [ANN], [])
        assert audience is not None
        assert audience.everybody
