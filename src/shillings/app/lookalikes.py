"""Emails made to be taken for another: which ones nobody may sign up with.

The rule follows Unicode's security mechanisms (UTS 39), in four sentences. A part of an email (what is between
dots, hyphens and other signs) is written in one script, or in one of the mixtures that Chinese, Japanese and Korean
need: the restriction level "highly restrictive". It is not made of nothing but letters that look like Latin ones. It
has no letters that only phoneticians use. Signs and digits beyond ASCII, which look like ASCII's, are in no email
without letters of their own script.

What it does not see: letters that look alike within one script, such as l and 1, or i without its dot.
"""

import re
import unicodedata
from collections.abc import Iterator
from itertools import groupby

_MIXTURES = (
    {"LATIN", "CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"},
    {"LATIN", "CJK", "BOPOMOFO"},
    {"LATIN", "CJK", "HANGUL"},
)

# In lower case, as canonical emails are.
_LIKE_LATIN = frozenset(
    "асԁеһіјӏорԛѕԝхуъьҽпгѵѡ"  # Cyrillic
    "αικνρυωηοτϲϳ"  # Greek
    "աոսօցհզքնյ"  # Armenian
    "ⲟⲥⲣⲭⲩⲁⲕⲛⲓ"  # Coptic
    "იოყძხ"  # Georgian
)  # fmt: skip

_PHONETIC = re.compile("[\u01c0-\u01c3\u0250-\u0258\u025a-\u02af\u1d00-\u1dbf\u2c60-\u2c7f\ua720-\ua7ff\uab30-\uab6f]")

# A dot above a letter that has one already cannot be seen.
_SECOND_DOT = re.compile("[ij]\u0307")


def is_mistakable(email: str) -> bool:
    r"""Whether a canonical email could be made to be taken for another.

    >>> is_mistakable("ann@example.com"), is_mistakable("\u0430nn@example.com")
    (False, True)
    """
    if email.isascii():
        return False
    return (
        bool(_PHONETIC.search(email) or _SECOND_DOT.search(email))
        or any(_is_sign(character) for character in email)
        or any(_is_odd(part) for part in _parts(email))
    )


def _parts(email: str) -> Iterator[str]:
    """What is between signs: letters, their marks, digits."""
    for is_word, characters in groupby(email, lambda character: unicodedata.category(character)[0] in "LMN"):
        if is_word:
            yield "".join(characters)


def _is_sign(character: str) -> bool:
    """Whether a character beyond ASCII is punctuation, a number in one sign, or a mathematical or currency sign."""
    category = unicodedata.category(character)
    return not character.isascii() and (category[0] == "P" or category in ("Sm", "Sc", "Sk", "No", "Nl"))


def _is_odd(part: str) -> bool:
    """Whether a part mixes scripts, or is written in one in order to look like another."""
    if part.isascii():
        return False
    scripts = {_script(character) for character in part if not (character.isascii() and not character.isalpha())}
    scripts.discard("COMBINING")
    if len(scripts) > 1 and not any(scripts <= mixture for mixture in _MIXTURES):
        return True
    letters = [character for character in part if unicodedata.category(character)[0] == "L"]
    return not letters or "MODIFIER" in scripts or all(letter in _LIKE_LATIN for letter in letters)


def _script(character: str) -> str:
    """A character's script, by the first word of its name: the names of Unicode's characters begin with it.

    Python's library does not have Unicode's script property itself.
    """
    word = unicodedata.name(character, "UNNAMED").split()[0]
    return {"ARABIC-INDIC": "ARABIC", "EXTENDED": "ARABIC", "IDEOGRAPHIC": "CJK"}.get(word, word)
