"""What fields of requests must look like, where both layers judge them: the first kindly, the second for good."""

import re

from shillings.base.limits import IDEMPOTENCY_KEY_CHARACTERS_MAX


class Form:
    """The form of a text.

    Args:
        pattern: a regular expression for the whole text.
        sentence: what is said to who sent another.
    """

    def __init__(self, pattern: str, sentence: str) -> None:
        self.pattern = pattern
        self.sentence = sentence
        self._match = re.compile(pattern).fullmatch

    def fits(self, text: str) -> bool:
        """Whether a text has this form."""
        return self._match(text) is not None


INTENT = Form(r"[!-~]{1,255}", "must be 1 to 255 visible ASCII characters, such as order-42.")

IDEMPOTENCY_KEY = Form(
    rf"[!-~]{{1,{IDEMPOTENCY_KEY_CHARACTERS_MAX}}}",
    f"The idempotency key must be 1 to {IDEMPOTENCY_KEY_CHARACTERS_MAX} visible ASCII characters; a UUID is good.",
)

SNAPSHOT_NAME = Form(
    r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}",
    "name must be 1 to 64 letters, digits, dots, dashes or underscores, and not begin with a dot.",
)
"""It is a piece of a path, where `.` and `..` mean something else."""

LOG_CURSOR = Form(r"[0-9a-f]{1,40}-[0-9]{1,18}", "is none that was given out.")
"""How far somebody has read the request log: which log it is, and the number of the last request."""

_NO_CONTROLS = r"[^\u0000-\u001f\u007f-\u009f]"
NAME = Form(rf"^(?=[\s\S]*\S){_NO_CONTROLS}*$", "must have something in it but white space, and no control characters.")
NAME_OR_NOTHING = Form(rf"^{_NO_CONTROLS}*$", "must not contain control characters.")

PHONE_DIGITS_MIN, PHONE_DIGITS_MAX = 3, 20
"""The shortest numbers there are have three digits, the longest fifteen; the rest is for an extension."""

PHONE = Form(
    r"^$|^(?!.*\+.*\+)"
    rf"(?=(?:[^0-9]*[0-9]){{{PHONE_DIGITS_MIN},{PHONE_DIGITS_MAX}}}[^0-9]*$)"
    r"[0-9 ()./+*#,\u00a0\u2009\u202f\u2010-\u2013\u2212-]+(?:(?:[xX]|[eE][xX][tT]\.?|[eE]xtension)[0-9 ]+)?$",
    'is not a phone number. Write one such as "+65 6123 4567", or leave it out.',
)
"""As people write them: with brackets, slashes, dots, one plus, and an extension at the end."""

_BETWEEN = r"[ ()./*#,\u00a0\u2009\u202f\u2010-\u2013\u2212-]*"
PHONE_TOLD = (
    rf"^$|^{_BETWEEN}\+?{_BETWEEN}(?:[0-9]{_BETWEEN}){{{PHONE_DIGITS_MIN},15}}"
    r"(?:(?:[xX]|[eE][xX][tT]\.?|[eE]xtension) ?[0-9]{1,5})?$"
)
"""The same for the document, without looking ahead, which programs that make examples do badly. Whatever has this form
has that of PHONE too; a plus in the middle and blanks in an extension are taken, and not told of."""
