"""Whether this interpreter may run Shillings: with its asserts, and with the protocol's fast implementation."""

import os

from google.protobuf.internal import api_implementation

from shillings.base.errors import SettingsError


def require_sound() -> None:
    """Refuse an interpreter that would leave out what the books rely on.

    Raises:
        SettingsError: it runs without asserts (`-O`), or decodes the protocol in Python, which is slow and whose
            nesting has no bound.
    """
    if not __debug__:
        raise SettingsError(
            "Python runs without asserts, and they guard the books. Start without -O, and unset PYTHONOPTIMIZE"
        )
    if api_implementation.Type() != "upb":
        hint = " Unset PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION."
        hint = hint if "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION" in os.environ else " Install protobuf from its wheel."
        raise SettingsError(f"protobuf's fast implementation (upb) is not in use.{hint}")
