"""The codes are the same words and numbers everywhere."""

from shillings.base.errors import WORDS, Code, DeadlineExceeded, OutcomeUnknown, Overloaded, Unavailable
from shillings.ledger.outcomes import Outcome
from shillings.web.statuses import HTTP_STATUS


def test_every_code_has_a_word_and_a_status() -> None:
    """Each code has its word at its number, and an HTTP status."""
    assert [WORDS[code] for code in Code] == [code.word for code in Code]
    assert list(HTTP_STATUS) == sorted(HTTP_STATUS, key=lambda code: (HTTP_STATUS[code], code))
    assert HTTP_STATUS.keys() == set(Code)


def test_every_outcome_is_a_code() -> None:
    """Whatever the ledger decides, the API has the same word for it."""
    assert {outcome.value for outcome in Outcome} <= set(WORDS)
    assert all(Code[outcome.name].word == outcome.value for outcome in Outcome)


def test_statuses_say_whether_it_was_applied() -> None:
    """What was surely not applied is below 500 or 503; what nobody knows is 500 or 504."""
    assert {HTTP_STATUS[error().code] for error in (Overloaded, Unavailable)} == {503}
    assert {HTTP_STATUS[error().code] for error in (OutcomeUnknown, DeadlineExceeded)} == {500, 504}
    assert all(status < 500 or status in (500, 503, 504) for status in HTTP_STATUS.values())
