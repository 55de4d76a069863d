"""The faults: what each comes to, the bounds of its parameters, and that people are told about it."""

import pytest

from shillings.base.errors import Code, Refusal
from shillings.sandbox.faults.catalogue import REQUEST
from shillings.sandbox.faults.effects import (
    HOLD_SECONDS_MAX,
    Damage,
    Decline,
    Effect,
    Garble,
    Lose,
    Loss,
    Refuse,
    Replace,
    Travel,
    Twice,
    Wait,
)
from shillings.sandbox.faults.fault import Fault, Phase, parameters_of
from shillings.sandbox.faults.latency import Latency
from shillings.sandbox.faults.lost_response import LostResponse

NAMES = [
    "decline", "latency", "error", "rate_limit", "expired_session", "duplicate",
    "lost_response", "error_after_commit", "slow_response", "garbled_response",
    "pending_topup", "pending_refund",
]  # fmt: skip


def a_fault(name: str, **parameters: object) -> Fault:
    """A fault with these parameters."""
    kind = REQUEST.find(name)
    assert kind is not None
    return kind.read(parameters, "params")


def test_names_are_those_of_the_contract() -> None:
    """There are exactly these faults."""
    assert [kind.name for kind in REQUEST.faults] == NAMES


@pytest.mark.parametrize("kind", REQUEST.faults, ids=NAMES)
def test_every_fault_is_described(kind: type[Fault]) -> None:
    """Each says what the client sees, what the ledger holds and what it stands for, and describes its parameters."""
    assert kind.__doc__
    for text in (kind.client_sees, kind.ledger_holds, kind.stands_for):
        assert text.endswith(".")
    for parameter in parameters_of(kind):
        assert parameter.description.endswith(".")
        assert parameter.default in parameter.values.split(", ") or " to " in parameter.values


@pytest.mark.parametrize(
    ("fault", "phase", "effect"),
    [
        (a_fault("decline"), Phase.DURING, Decline("insufficient_funds")),
        (a_fault("decline", outcome="self_payment"), Phase.DURING, Decline("self_payment")),
        (a_fault("duplicate"), Phase.DURING, Twice()),
        (a_fault("pending_topup"), Phase.DURING, Travel(True, "succeeded", 60.0)),
        (a_fault("pending_topup", progression="manual"), Phase.DURING, Travel(True, "succeeded", None)),
        (a_fault("pending_topup", progression="immediate"), Phase.DURING, Travel(False, "succeeded", None)),
        (
            a_fault("pending_topup", progression="immediate", final="returned", seconds=5),
            Phase.DURING,
            Travel(False, "returned", 5.0),
        ),
        (a_fault("pending_refund"), Phase.DURING, Travel(True, "failed", 60.0)),
        (
            a_fault("pending_refund", progression="manual", final="succeeded"),
            Phase.DURING,
            Travel(True, "succeeded", None),
        ),
        (a_fault("latency", seconds=2), Phase.BEFORE, Wait(2.0)),
        (a_fault("lost_response"), Phase.AFTER_COMMIT, Lose(Loss.RESET, 60.0)),
        (a_fault("lost_response", how="hang", seconds=3), Phase.AFTER_COMMIT, Lose(Loss.HANG, 3.0)),
        (a_fault("slow_response"), Phase.AFTER_COMMIT, Wait(5.0)),
        (a_fault("garbled_response", how="html"), Phase.AFTER_COMMIT, Garble(Damage.HTML)),
    ],
)
def test_fault_comes_to_its_effect(fault: Fault, phase: Phase, effect: Effect) -> None:
    """A fault has a phase, and comes to one effect."""
    assert fault.phase is phase
    assert fault.effect(0.5) == effect


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (a_fault("error"), Code.INTERNAL),
        (a_fault("error", code="unavailable"), Code.UNAVAILABLE),
        (a_fault("rate_limit"), Code.RATE_LIMITED),
        (a_fault("expired_session"), Code.UNAUTHENTICATED),
        (a_fault("error_after_commit"), Code.INTERNAL),
        (a_fault("error_after_commit", code="timeout"), Code.TIMEOUT),
    ],
)
def test_refusing_fault_has_its_code(fault: Fault, code: Code) -> None:
    """A fault that answers in place of the service has a code and a sentence."""
    effect = fault.effect(0.5)

    assert isinstance(effect, Refuse | Replace)
    assert effect.code is code
    assert effect.message.endswith(".")


def test_error_that_says_unknown_after_commit_is_unknown_indeed() -> None:
    """After a commit no answer says that nothing was done: 503 keeps its promise even here."""
    with pytest.raises(Refusal, match=r"params\.code"):
        a_fault("error_after_commit", code="unavailable")


def test_rate_limit_says_when_to_come_again() -> None:
    """Retry-After is what was asked for."""
    assert a_fault("rate_limit", retry_after_s=7).effect(0) == Refuse(
        Code.RATE_LIMITED, "Too many requests. Nothing was done; try again in 7 s.", retry_after_s=7
    )


def test_session_ends_unless_only_one_request_is_refused() -> None:
    """An expired session is over for good, or refused once, as was asked for."""
    ended, refused = a_fault("expired_session"), a_fault("expired_session", how="refused")

    assert (ended.effect(0).end_session, refused.effect(0).end_session) == (True, False)


@pytest.mark.parametrize("distribution", ["fixed", "uniform", "exponential", "lognormal"])
def test_latency_keeps_its_bounds_and_its_middle(distribution: str) -> None:
    """Whatever chance says, a delay is 0 to the largest one, and its middle is where it should be."""
    latency = Latency.read({"seconds": 2.0, "distribution": distribution}, "params")
    waits = [latency.effect(number / 1000).seconds for number in range(1000)]

    assert all(0 <= seconds <= HOLD_SECONDS_MAX for seconds in waits)
    assert waits == sorted(waits)
    median = {"exponential": 2.0 * 0.6931}.get(distribution, 2.0)
    assert waits[500] == pytest.approx(median, rel=0.01)


@pytest.mark.parametrize(
    ("name", "parameters", "field"),
    [
        ("lost_response", {"how": "melt"}, "params.how"),
        ("lost_response", {"seconds": 0}, "params.seconds"),
        ("lost_response", {"seconds": 300.1}, "params.seconds"),
        ("lost_response", {"seconds": "5"}, "params.seconds"),
        ("latency", {"seconds": 61}, "params.seconds"),
        ("latency", {"seconds": None}, "params.seconds"),
        ("rate_limit", {"retry_after_s": 1.5}, "params.retry_after_s"),
        ("decline", {"outcome": "ok"}, "params.outcome"),
        ("pending_topup", {"progression": "soon"}, "params.progression"),
        ("pending_topup", {"final": "failed"}, "params.final"),
        ("pending_topup", {"seconds": -1}, "params.seconds"),
        ("pending_topup", {"seconds": 2_592_001}, "params.seconds"),
        ("pending_refund", {"progression": "immediate"}, "params.progression"),
        ("pending_refund", {"final": "returned"}, "params.final"),
        ("duplicate", {"copies": 2}, "params.copies"),
        ("error", {"code": ["internal"]}, "params.code"),
    ],
)
def test_bad_parameters_are_refused_by_name(name: str, parameters: dict[str, object], field: str) -> None:
    """An unknown parameter and a value out of bounds are refused, and the field is named."""
    with pytest.raises(Refusal) as refused:
        a_fault(name, **parameters)

    assert refused.value.code is Code.INVALID_REQUEST
    assert field in refused.value.message


def test_value_that_is_none_is_told_what_it_may_be() -> None:
    """Who writes a word or a number that is none reads which there are."""
    with pytest.raises(Refusal, match="reset, close, hang, truncate") as word:
        LostResponse.read({"how": "drop"}, "params")
    with pytest.raises(Refusal, match=r"0\.001 to 300") as number:
        LostResponse.read({"how": "hang", "seconds": 1000}, "params")

    assert (word.value.field, number.value.field) == ("params.how", "params.seconds")
