"""Passwords that anybody would guess: the commonest ones, patterns, and words of the context.

The list beside this file holds the 10,000 commonest passwords of at least eight characters, and says where it is from.
Whoever guesses tries them with digits and signs around them, with digits for letters, and twice in a row; so none of
that makes one better.
"""

import unicodedata
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from itertools import pairwise, permutations

CONTEXT_WORDS = ("shillings", "password", "passwort", "payment", "wallet")
CONTEXT_CHARACTERS_MIN = 3
"""Shorter words of the context, such as the name Al, are in too many good passwords by accident."""

CORE_CHARACTERS_MIN = 5
"""So many letters of a common password or a name, without what is around them, are guessed; fewer are in good ones."""

REPEATED_CHARACTERS_MAX = 4
"""A password is a pattern when it is made of one piece of at most so many characters, again and again."""

_KEYBOARD = ("`1234567890-=", "~!@#$%^&*()_+", "qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./")
_AS_DIGITS = [str.maketrans("@4031$57", f"aaoe{one}sst") for one in "li"]
"""How letters are written as digits and signs."""


def why_weak(password: str, about: Iterable[str] = ()) -> str:
    """Why anybody would guess a password, as the rest of a sentence; empty when nobody would.

    Args:
        password: as it will be compared.
        about: the user's own names and email.

    >>> why_weak("Password1"), why_weak("correct horse battery")
    ('is one of the commonest there are', '')
    """
    plain = unicodedata.normalize("NFKC", password).casefold().strip()
    if _is_pattern(plain):
        return "is a simple pattern"
    forms = _forms(_piece(plain))
    if plain in _common() or forms & _common() or forms & _common_cores():
        return "is one of the commonest there are"
    words = _words(about)
    if plain in words or forms & words or {_letters(form) for form in forms} & words:
        return "is a name, an email or a word that anybody would try"
    return ""


def _piece(plain: str) -> str:
    """The shortest text of which this is a repetition: itself, mostly."""
    return plain[: (plain + plain).find(plain, 1)]


def _is_pattern(plain: str) -> bool:
    """Whether it is one short piece repeated, or characters in a row, by number or on a keyboard."""
    if any(plain == (plain[:size] * len(plain))[: len(plain)] for size in range(1, REPEATED_CHARACTERS_MAX + 1)):
        return True
    if any(plain in row or plain[::-1] in row for row in _KEYBOARD):
        return True
    steps = {ord(after) - ord(before) for before, after in pairwise(plain)}
    # After nine comes zero.
    return steps in ({1}, {-1}) or (plain.isdecimal() and {step % 10 for step in steps} in ({1}, {9}))


def _forms(plain: str) -> set[str]:
    """A password with less around it, and with letters for digits."""
    core = _core(plain)
    return {plain, _without_signs(plain), core, *(core.translate(letters) for letters in _AS_DIGITS)}


def _without_signs(plain: str) -> str:
    alphanumeric = [position for position, character in enumerate(plain) if character.isalnum()]
    return plain[alphanumeric[0] : alphanumeric[-1] + 1] if alphanumeric else ""


def _core(plain: str) -> str:
    """A password without the digits and signs around it, which make no difference to whoever guesses."""
    letters = [position for position, character in enumerate(plain) if character.isalpha()]
    return plain[letters[0] : letters[-1] + 1] if letters else ""


def _letters(text: str) -> str:
    return "".join(character for character in text if character.isalpha())


def _words(about: Iterable[str]) -> set[str]:
    words, names = set(CONTEXT_WORDS), []
    for text in about:
        plain = text.casefold().strip()
        name, _, domain = plain.partition("@")
        words |= {plain, name, domain, domain.rpartition(".")[0], _core(name), _letters(name), plain.replace(" ", "")}
        names.append(_letters(name))
    both = {one + other for one, other in permutations(names, 2)}
    return {word for word in words if len(word) >= CONTEXT_CHARACTERS_MIN} | {
        word for word in both if len(word) >= CORE_CHARACTERS_MIN
    }


@cache
def _common() -> frozenset[str]:
    text = (files("shillings.auth") / "common_passwords.txt").read_text(encoding="utf-8")
    return frozenset(line for line in text.splitlines() if not line.startswith("#"))


@cache
def _common_cores() -> frozenset[str]:
    return frozenset(core for core in map(_core, _common()) if len(core) >= CORE_CHARACTERS_MIN and core.isalpha())
