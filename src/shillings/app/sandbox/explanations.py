"""What was planned for requests, kept to be explained."""

from typing import NamedTuple

from shillings.sandbox.rules import Facts, Pick

EXPLAINED_MAX = 10_000
"""Requests whose faults can still be explained."""


class Explained(NamedTuple):
    """What was planned for a request.

    Args:
        facts: about it.
        pick: what the rules said.
        applied: the fault, as a structured field; empty for none.
    """

    facts: Facts
    pick: Pick
    applied: str
