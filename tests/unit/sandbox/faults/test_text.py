"""The faults as text."""

import pytest

from shillings.base.errors import Refusal
from shillings.sandbox.faults.catalogue import REQUEST
from shillings.sandbox.faults.text import described, overview
from shillings.sandbox.requested_fault import read_header


def test_overview_names_every_fault() -> None:
    """A line for each fault, in order."""
    assert [line.split()[0] for line in overview().splitlines()] == [kind.name for kind in REQUEST.faults]


@pytest.mark.parametrize("name", [kind.name for kind in REQUEST.faults])
def test_example_is_the_fault(name: str) -> None:
    """The header at the end of each description is that fault with its defaults."""
    kind = REQUEST.find(name)
    assert kind is not None

    example = described(name).splitlines()[-1].removeprefix("Shillings-Fault: ")

    assert read_header(example) == kind()


def test_unknown_fault_is_refused() -> None:
    """Who asks for a fault that is not there is told which are."""
    with pytest.raises(Refusal, match="lost_response"):
        described("melt")
