"""The canonical form of an email, and what a sign-up may contain."""

import re
import unicodedata
from functools import lru_cache

from shillings.auth.passwords import CHARACTERS_MAX, CHARACTERS_MIN
from shillings.errors import Code, Refusal

EMAIL_CHARACTERS_MAX = 254
NAME_CHARACTERS_MAX = 100
PHONE_CHARACTERS_MAX = 32

_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")
# Letters and marks that nobody sees and that are in no category of their own: Unicode's default ignorable ones, and
# the empty Braille cell.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_PHONE = re.compile(r"\+?[0-9][0-9 ().-]{2,30}")


def wrong(message: str) -> Refusal:
    """An `invalid_request` refusal."""
    return Refusal(Code.INVALID_REQUEST, message)


@lru_cache(maxsize=1 << 16)
def canonical_email(text: str, field: str = "email") -> str:
    """The one form of an email: no outer white space, one width, one case, one Unicode form.

    >>> canonical_email("  Ann@Example.COM ")
    'ann@example.com'

    Raises:
        Refusal: `invalid_request`, naming the field.
    """
    # Results are remembered with the text they came from, so white space around it must not make that large.
    if len(text) > 2 * EMAIL_CHARACTERS_MAX:
        raise wrong(f"{field} must have at most {EMAIL_CHARACTERS_MAX} characters.")
    email = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text.strip()).casefold())
    if len(email) > EMAIL_CHARACTERS_MAX:
        raise wrong(f"{field} must have at most {EMAIL_CHARACTERS_MAX} characters.")
    if not _EMAIL.fullmatch(email) or _has_invisible(email):
        raise wrong(f'{field} is not an email address. Write one such as "ann@example.com".')
    return email


def checked_name(text: str, field: str, *, required: bool) -> str:
    """A name without outer white space. Raises Refusal, naming the field."""
    name = unicodedata.normalize("NFC", text.strip())
    if required and not name:
        raise wrong(f"{field} must not be empty.")
    if len(name) > NAME_CHARACTERS_MAX:
        raise wrong(f"{field} must have at most {NAME_CHARACTERS_MAX} characters.")
    if _has_control(name):
        raise wrong(f"{field} must not contain control characters.")
    return name


def checked_phone(text: str) -> str:
    """A phone number as it was written, or nothing. Raises Refusal."""
    phone = text.strip()
    if phone and not _PHONE.fullmatch(phone):
        raise wrong('phone is not a phone number. Write one such as "+65 6123 4567", or leave it out.')
    return phone


def checked_password(text: str) -> str:
    """A password in Unicode's composed form, so that it is the same from every keyboard. Raises Refusal."""
    password = normal_password(text)
    if not CHARACTERS_MIN <= len(password) <= CHARACTERS_MAX:
        raise wrong(f"password must have {CHARACTERS_MIN} to {CHARACTERS_MAX} characters.")
    if "\0" in password:
        raise wrong("password must not contain NUL characters.")
    return password


def normal_password(text: str) -> str:
    """The form in which passwords are compared: NFC, nothing cut off, no case changed."""
    return unicodedata.normalize("NFC", text)


def _has_control(text: str) -> bool:
    return any(unicodedata.category(character) in ("Cc", "Cs") for character in text)


def _has_invisible(text: str) -> bool:
    """Control, format and other unseen characters: two emails that look the same must be the same."""
    return bool(_UNSEEN.search(text)) or any(unicodedata.category(character)[0] in "CZ" for character in text)
