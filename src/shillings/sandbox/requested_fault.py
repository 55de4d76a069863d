"""Parses the faults that a request itself asks for: by the header Shillings-Fault, or by a magic receiver.

    Shillings-Fault: lost_response;how=truncate
    fault+lost_response+how=truncate@shillings.test

The header is a structured field (RFC 9651): a token with parameters. The receiver is for clients that cannot set
headers: the same, with `+` for `;`.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NoReturn, cast

import http_sf

from shillings.base.errors import Refusal
from shillings.sandbox.faults.catalogue import REQUEST
from shillings.sandbox.faults.fault import Fault, invalid

HEADER = "Shillings-Fault"
HEADER_CHARACTERS_MAX = 512

RECEIVER_BEGINS = "fault+"
RECEIVER_ENDS = "@shillings.test"


@lru_cache(maxsize=1024)
def read_header(text: str) -> Fault:
    """The fault that the header asks for.

    >>> read_header("lost_response;how=truncate").how
    'truncate'

    Raises:
        Refusal: `invalid_request`, naming the header and the parameter.
    """
    if len(text) > HEADER_CHARACTERS_MAX:
        raise invalid(HEADER, f"has more than {HEADER_CHARACTERS_MAX} characters.")
    try:
        # The field is ASCII; what is not, the parser refuses.
        name, values = cast(
            tuple[object, dict[str, object]],
            http_sf.parse(text.encode(), tltype="item", on_duplicate_key=_refuse_twice),
        )
    except ValueError as error:
        raise invalid(HEADER, f"is not of the form name;parameter=value: {error}.") from None
    if not isinstance(name, http_sf.Token):
        raise invalid(HEADER, "begins with a fault's name, as in lost_response;how=reset.")
    plain = {parameter: _plain(value) for parameter, value in values.items()}
    return _fault(str(name), plain, HEADER)


@lru_cache(maxsize=1024)
def read_receiver(email: str) -> Fault | None:
    """The fault that a payment's receiver asks for; None when it is somebody's email like any other.

    >>> read_receiver("ann@example.com"), read_receiver("fault+slow_response+seconds=2@shillings.test").seconds
    (None, 2.0)

    Raises:
        Refusal: `invalid_request`, naming the parameter.
    """
    if not (email.startswith(RECEIVER_BEGINS) and email.endswith(RECEIVER_ENDS)):
        return None
    asked = email.removeprefix(RECEIVER_BEGINS).removesuffix(RECEIVER_ENDS)
    name, *parameters = asked.split("+")
    values: dict[str, str] = {}
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key in values:
            raise _twice("receiver_email", key)
        values[key] = value
    return _fault(name, values, "receiver_email")


def _fault(name: str, values: Mapping[str, Any], field: str) -> Fault:
    kind = REQUEST.find(name)
    if kind is None:
        known = ", ".join(kind.name for kind in REQUEST.faults)
        raise invalid(field, f"there is no {name[:40]!r}; there are: {known}.")
    return kind.read(values, field, texts=True)


def _plain(value: object) -> object:
    """A structured field's value as text or number: tokens and decimals have types of their own."""
    return value if isinstance(value, bool | int) else str(value)


def _refuse_twice(parameter: str, _where: str) -> NoReturn:
    """What the parser calls when it meets a parameter again."""
    raise _twice(HEADER, parameter)


def _twice(field: str, parameter: str) -> Refusal:
    return invalid(f"{field}.{parameter[:40]}", "is there twice.")
