"""What a rule is about: a request, or something else that has faults of its own."""

import pytest

from shillings.base.errors import Refusal
from shillings.sandbox.faults.catalogue import REQUEST
from shillings.sandbox.faults.duplicate import Duplicate
from shillings.sandbox.faults.fault import Fault
from shillings.sandbox.faults.rate_limit import RateLimit
from shillings.sandbox.subjects import Subject, choose


class Copies(Fault, frozen=True):
    """A parcel comes more than once."""

    name = "duplicate"
    copies: int = 2


PARCEL = Subject("parcel", (Copies,), ("sender",))
SUBJECTS = (REQUEST, PARCEL)


@pytest.mark.parametrize(
    ("name", "parameters", "fields", "expected"),
    [
        ("rate_limit", {}, ["endpoint"], (REQUEST, RateLimit)),
        ("duplicate", {}, [], (REQUEST, Duplicate)),
        ("duplicate", {}, ["amount", "user_email"], (REQUEST, Duplicate)),
        ("duplicate", {"copies": 3}, [], (PARCEL, Copies)),
        ("duplicate", {}, ["sender"], (PARCEL, Copies)),
    ],
)
def test_subject_is_the_one_that_fits(
    name: str, parameters: dict[str, object], fields: list[str], expected: tuple[Subject, type[Fault]]
) -> None:
    """Where several have a fault of one name, the parameters and the fields to match tell which is meant."""
    assert choose(SUBJECTS, name, parameters, fields) == expected


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [("melt", [], r"fault: there is no 'melt'.*decline"), ("duplicate", ["sender", "amount"], r"match\.sender")],
)
def test_what_fits_nobody_is_refused(name: str, fields: list[str], message: str) -> None:
    """An unknown fault and a field that cannot be matched are named, with those there are."""
    with pytest.raises(Refusal, match=message):
        choose(SUBJECTS, name, {}, fields)
