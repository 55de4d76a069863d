"""What an audit says."""

from typing import NamedTuple

FINDINGS_MAX = 20
"""How many findings one check tells of. One is enough to know that the money is wrong, and some show how."""


class Finding(NamedTuple):
    """Something that is wrong.

    Args:
        code: which check found it, for programs.
        message: a sentence that says what is wrong where, for people.
    """

    code: str
    message: str
