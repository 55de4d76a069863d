"""The canonical form of an email, and what a sign-up may contain."""

import re
import unicodedata
from collections.abc import Iterable

from shillings.app.lookalikes import is_mistakable
from shillings.auth.weak_passwords import why_weak
from shillings.base.errors import Refusal, invalid
from shillings.base.limits import (
    EMAIL_CHARACTERS_MAX,
    NAME_CHARACTERS_MAX,
    PASSWORD_CHARACTERS_MAX,
    PASSWORD_CHARACTERS_MIN,
    PHONE_CHARACTERS_MAX,
    unnormalized,
)
from shillings.contract.fields import PHONE

_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")
# Letters and marks that nobody sees and that are in no category of their own: Unicode's default ignorable ones, and
# the empty Braille cell.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
# What tells the direction of writing, and comes along when a number is copied from a list of contacts.
_DIRECTIONS = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
# Nearly all emails look like this, and are canonical once they are in lower case.
_ASCII_EMAIL = re.compile(r"[!-?A-~]{1,64}@[!-\-/-?A-~]+(?:\.[!-\-/-?A-~]+)+")


def canonical_email(text: str, field: str = "email") -> str:
    """The one form of an email: no outer white space, one width, one case, one Unicode form.

    >>> canonical_email("  Ann@Example.COM ")
    'ann@example.com'

    Raises:
        Refusal: `invalid_request`, naming the field.
    """
    _require_length(text, unnormalized(EMAIL_CHARACTERS_MAX), EMAIL_CHARACTERS_MAX, field)
    if text.isascii():
        email = text.strip().lower()
        _require_length(email, EMAIL_CHARACTERS_MAX, EMAIL_CHARACTERS_MAX, field)
        if not _ASCII_EMAIL.fullmatch(email):
            raise _no_email(field)
        return email
    # One character's compatible form may have eighteen, so the length is judged again before the next step.
    email = unicodedata.normalize("NFKC", text.strip())
    _require_length(email, unnormalized(EMAIL_CHARACTERS_MAX), EMAIL_CHARACTERS_MAX, field)
    email = unicodedata.normalize("NFKC", email.casefold())
    _require_length(email, EMAIL_CHARACTERS_MAX, EMAIL_CHARACTERS_MAX, field)
    if not _EMAIL.fullmatch(email) or _has_invisible(email):
        raise _no_email(field)
    return email


def new_email(text: str, field: str = "email") -> str:
    """The canonical form of an email that somebody wants to have. Raises Refusal, also when it looks like another."""
    email = canonical_email(text, field)
    if is_mistakable(email):
        raise invalid(field, "has letters that could be taken for others. Write each part of it in one script.")
    return email


def _no_email(field: str) -> Refusal:
    return invalid(field, 'is not an email address. Write one such as "ann@example.com".')


def checked_name(text: str, field: str, *, required: bool) -> str:
    """A name without outer white space. Raises Refusal, naming the field."""
    _require_length(text, unnormalized(NAME_CHARACTERS_MAX), NAME_CHARACTERS_MAX, field)
    name = unicodedata.normalize("NFC", text.strip())
    if required and not name:
        raise invalid(field, "must not be empty.")
    _require_length(name, NAME_CHARACTERS_MAX, NAME_CHARACTERS_MAX, field)
    if _has_control(name):
        raise invalid(field, "must not contain control characters.")
    return name


def checked_phone(text: str, field: str = "phone") -> str:
    """A phone number as it was written, or nothing. Raises Refusal."""
    _require_length(text, unnormalized(PHONE_CHARACTERS_MAX), PHONE_CHARACTERS_MAX, field)
    phone = text.strip().strip(_DIRECTIONS).strip()
    if not PHONE.fits(phone):
        raise invalid(field, PHONE.sentence)
    return phone


def new_password(text: str, about: Iterable[str], field: str = "password") -> str:
    """A password in Unicode's composed form, so that it is the same from every keyboard.

    Args:
        text: as it was sent.
        about: the user's own names and email, which anybody would try.
        field: its name, for the message.

    Raises:
        Refusal: its length is wrong, or anybody would guess it.
    """
    password = normal_password(text)
    if password is None or not PASSWORD_CHARACTERS_MIN <= len(password) <= PASSWORD_CHARACTERS_MAX:
        raise invalid(field, f"must have {PASSWORD_CHARACTERS_MIN} to {PASSWORD_CHARACTERS_MAX} characters.")
    if "\0" in password:
        raise invalid(field, "must not contain NUL characters.")
    if reason := why_weak(password, about):
        raise invalid(field, f"{reason}. Choose another: a few words are easy to keep and hard to guess.")
    return password


def normal_password(text: str) -> str | None:
    """The form in which passwords are compared: NFC, nothing cut off, no case changed. None: too long for anybody's."""
    return unicodedata.normalize("NFC", text) if len(text) <= unnormalized(PASSWORD_CHARACTERS_MAX) else None


def _require_length(text: str, characters_max: int, told_max: int, field: str) -> None:
    if len(text) > characters_max:
        raise invalid(field, f"must have at most {told_max} characters.")


def _has_control(text: str) -> bool:
    return any(unicodedata.category(character) in ("Cc", "Cs") for character in text)


def _has_invisible(text: str) -> bool:
    """Control, format and other unseen characters: two emails that look the same must be the same."""
    return bool(_UNSEEN.search(text)) or any(unicodedata.category(character)[0] in "CZ" for character in text)
