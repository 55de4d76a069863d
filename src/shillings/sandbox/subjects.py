"""What faults happen to: requests, and whatever else the service does that may go wrong."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from shillings.sandbox.faults.fault import Fault, invalid

SUBJECT = "subject"
"""The fact that says what kind of thing it is about."""


class Subject(NamedTuple):
    """One kind of thing that faults happen to.

    Args:
        name: what it is called; also the fact by which rules tell one kind from another.
        faults: what can happen to it.
        fields: the facts that a rule may match.
    """

    name: str
    faults: tuple[type[Fault], ...]
    fields: tuple[str, ...]

    def find(self, name: str) -> type[Fault] | None:
        """The fault of this name."""
        return next((kind for kind in self.faults if kind.name == name), None)


def choose(
    subjects: tuple[Subject, ...], name: str, parameters: Mapping[str, Any], fields: Collection[str]
) -> tuple[Subject, type[Fault]]:
    """The subject that a rule is about, and its fault.

    Several subjects may have a fault of one name. The first is meant that also has the parameters and the fields to
    match; a rule that fits none is judged by the first, so that its message says what is wrong.

    Raises:
        Refusal: `invalid_request`: there is no such fault, or the subject has no such field.
    """
    found = [(subject, kind) for subject in subjects if (kind := subject.find(name)) is not None]
    if not found:
        known = ", ".join(dict.fromkeys(kind.name for subject in subjects for kind in subject.faults))
        raise invalid("fault", f"there is no {name[:40]!r}; there are: {known}.")
    for subject, kind in found:
        if set(fields) <= set(subject.fields) and parameters.keys() <= set(kind.__struct_fields__):
            return subject, kind
    subject, kind = found[0]
    for field in fields:
        if field not in subject.fields:
            raise invalid(f"match.{field[:40]}", f"{name} cannot match that; it can: {', '.join(subject.fields)}.")
    return subject, kind
