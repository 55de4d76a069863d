"""Faults that a request asks for itself: by its header, and by its receiver."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shillings.base.errors import Refusal
from shillings.sandbox.faults.catalogue import REQUEST
from shillings.sandbox.faults.duplicate import Duplicate
from shillings.sandbox.faults.error import Error
from shillings.sandbox.faults.fault import Fault
from shillings.sandbox.faults.latency import Latency
from shillings.sandbox.faults.lost_response import LostResponse
from shillings.sandbox.faults.rate_limit import RateLimit
from shillings.sandbox.requested_fault import read_header, read_receiver

ASKED = (
    ("duplicate", Duplicate()),
    ("lost_response;how=truncate", LostResponse("truncate")),
    (' lost_response; how="hang";seconds=2.5 ', LostResponse("hang", 2.5)),
    ("latency;seconds=2;distribution=uniform", Latency(2.0, "uniform")),
    ("rate_limit;retry_after_s=30", RateLimit(30)),
    ("error;code=unavailable", Error("unavailable")),
)


@pytest.mark.parametrize(("text", "fault"), ASKED)
def test_header_is_a_token_with_parameters(text: str, fault: Fault) -> None:
    """The header names a fault and its parameters, as RFC 9651 spells them."""
    assert read_header(text) == fault


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "Shillings-Fault"),
        ("melt", "'melt'"),
        ('"error"', "fault's name"),
        ("5", "fault's name"),
        ("(error)", "Shillings-Fault"),
        ("error, latency", "Shillings-Fault"),
        ("error;", "Shillings-Fault"),
        ("error;code", "Shillings-Fault.code"),
        ("error;code=timeout", "Shillings-Fault.code"),
        ("error;code=internal;code=internal", "Shillings-Fault.code"),
        ("error;how=reset", "Shillings-Fault.how"),
        ("latency;seconds=?1", "Shillings-Fault.seconds"),
        ("latency;seconds=:aGk=:", "Shillings-Fault.seconds"),
        ("latency;seconds=nan", "Shillings-Fault.seconds"),
        ("latency;seconds=99999999999999999", "Shillings-Fault"),
        ("err\u00f6r", "Shillings-Fault"),
        ("error" + ";code=internal" * 100, "512"),
    ],
)
def test_malformed_header_is_refused(text: str, named: str) -> None:
    """What is no fault, or has parameters that it has not, is refused with the header's name and what is wrong."""
    with pytest.raises(Refusal, match="Shillings-Fault") as refused:
        read_header(text)

    assert named in refused.value.message


@given(st.text(max_size=40) | st.from_regex(r"[a-z_]{1,9}(;[a-z]{0,5}=?[a-z0-9.\"]{0,6}){0,3}", fullmatch=True))
def test_any_header_is_a_fault_or_a_refusal(text: str) -> None:
    """Whatever the header says, it is read or refused."""
    try:
        outcome = read_header(text).name
    except Refusal as refusal:
        outcome = refusal.message

    assert outcome in {kind.name for kind in REQUEST.faults} or outcome.startswith("Shillings-Fault")


@pytest.mark.parametrize(
    ("email", "fault"),
    [
        ("fault+duplicate@shillings.test", Duplicate()),
        ("fault+lost_response+how=truncate@shillings.test", LostResponse("truncate")),
        ("fault+lost_response+how=hang+seconds=2.5@shillings.test", LostResponse("hang", 2.5)),
        ("ann@example.com", None),
        ("ann@shillings.test", None),
        ("fault@shillings.test", None),
        ("fault+duplicate@shillings.test.example.com", None),
        ("my.fault+duplicate@shillings.test", None),
    ],
)
def test_receiver_may_ask_for_a_fault(email: str, fault: Fault | None) -> None:
    """A magic receiver names a fault and its parameters; any other email is somebody's."""
    assert read_receiver(email) == fault


@pytest.mark.parametrize("asked", ["", "melt", "error+how=reset", "error+code", "error+code=internal+code=internal"])
def test_malformed_magic_receiver_is_refused(asked: str) -> None:
    """A magic receiver that asks for no fault there is gets a refusal that names the field."""
    with pytest.raises(Refusal, match="receiver_email"):
        read_receiver(f"fault+{asked}@shillings.test")
