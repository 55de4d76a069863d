"""Passwords that anybody would guess: the commonest ones, patterns, and words of the context.

The list beside this file holds the 10,000 commonest passwords of at least eight characters, and says where it is from.
"""

from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from itertools import pairwise

CONTEXT_WORDS = ("shillings", "password", "passwort", "payment", "wallet")
CONTEXT_CHARACTERS_MIN = 3
"""Shorter words of the context, such as the name Al, are in too many good passwords by accident."""

REPEATED_CHARACTERS_MAX = 4
"""A password is a pattern when it is made of one piece of at most so many characters, again and again."""


def why_weak(password: str, about: Iterable[str] = ()) -> str:
    """Why anybody would guess a password, as the rest of a sentence; empty when nobody would.

    Args:
        password: as it will be compared.
        about: the user's own names and email.

    >>> why_weak("Password1"), why_weak("correct horse battery")
    ('is one of the commonest there are', '')
    """
    plain = password.casefold().strip()
    if _is_pattern(plain):
        return "is a simple pattern"
    if plain in _common():
        return "is one of the commonest there are"
    if _core(plain) in _words(about) or plain in _words(about):
        return "is a name, an email or a word that anybody would try"
    return ""


def _is_pattern(plain: str) -> bool:
    """Whether it is one short piece repeated, or characters in a row."""
    if any(plain == (plain[:size] * len(plain))[: len(plain)] for size in range(1, REPEATED_CHARACTERS_MAX + 1)):
        return True
    steps = {ord(after) - ord(before) for before, after in pairwise(plain)}
    return steps in ({1}, {-1})


def _core(plain: str) -> str:
    """A password without the digits and signs around it, which make no difference to whoever guesses."""
    letters = [position for position, character in enumerate(plain) if character.isalpha()]
    return plain[letters[0] : letters[-1] + 1] if letters else ""


def _words(about: Iterable[str]) -> set[str]:
    words = set(CONTEXT_WORDS)
    for text in about:
        plain = text.casefold().strip()
        name, _, domain = plain.partition("@")
        words |= {plain, name, domain, domain.rpartition(".")[0], _core(name), plain.replace(" ", "")}
    return {word for word in words if len(word) >= CONTEXT_CHARACTERS_MIN}


@cache
def _common() -> frozenset[str]:
    text = (files("shillings.auth") / "common_passwords.txt").read_text(encoding="utf-8")
    return frozenset(line for line in text.splitlines() if not line.startswith("#"))
