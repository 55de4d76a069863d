"""Emails that could be taken for somebody else's, and those of people who write another script than Latin."""

# ruff: noqa: RUF001 - letters that look like others are what these tests are about

import pytest

from shillings.app.identity import canonical_email
from shillings.app.lookalikes import is_mistakable

MISTAKABLE = {
    "Cyrillic a in Latin": "аnn@example.com",
    "Cyrillic e in the domain": "ann@еxample.com",
    "Cyrillic o in the top level": "ann@example.cоm",
    "Greek omicron in Latin": "bοb@example.com",
    "Greek nu in Latin": "aνn@example.com",
    "Armenian oh in Latin": "bօb@example.com",
    "Cherokee in Latin": "ꮃnn@example.com",
    "Latin in Cyrillic": "ивaн@example.com",
    "nothing but Cyrillic letters like Latin ones": "сосо@example.com",
    "the same between dots": "а.nn@example.com",
    "the same after a hyphen": "ann-о@example.com",
    "a word in Cyrillic that reads as Latin": "расе@example.com",
    "nothing but Greek letters like Latin ones": "ατο@example.com",
    "Latin alpha": "ɑnn@example.com",
    "script g": "ɡreg@example.com",
    "small capital": "ᴀnn@example.com",
    "letter that looks like an apostrophe": "oʼbrien@example.com",
    "second dot on an i": "i̇an@example.com",
    "Bengali four like an 8": "৪৪@example.com",
    "Arabic digits in Latin": "ann٥@example.com",
    "hyphen that is another": "ann‐lee@example.com",
    "slash that is another": "a∕b@example.com",
    "ideographic full stop": "ann。lee@example.com",
    "click letter like an exclamation mark": "annǃ@example.com",
}

PLAIN = {
    "ASCII": "ann.o'brien+1_x@example-host.com",
    "accents": "rené.gonzález@example.com",
    "German": "jürgen.groß@müller.example",
    "Vietnamese": "nguyễn@example.com",
    "Turkish": "ılgın.şen@example.com",
    "Azerbaijani": "əli@example.com",
    "Icelandic": "þórður@example.com",
    "Russian": "иван.петров@пример.рф",
    "Ukrainian": "олексій@example.com",
    "Greek": "νίκος@παράδειγμα.ελ",
    "Chinese": "张伟@例子.中国",
    "Japanese with Latin": "tanaka太郎さん@example.jp",
    "Katakana": "ユーザー@example.jp",
    "iteration mark": "佐々木@example.jp",
    "Korean with Latin": "kim민수@example.kr",
    "Hindi": "संपर्क@डाटामेल.भारत",
    "Arabic": "محمد٥@example.com",
    "Hebrew": "דוד@example.com",
    "Thai": "สมชาย@example.com",
    "Armenian": "անահիտ@example.com",
    "Georgian": "ნინო@example.com",
    "two scripts in two parts": "иван.smith@example.com",
    "emoji": "🙂@example.com",
}


@pytest.mark.parametrize("email", MISTAKABLE.values(), ids=MISTAKABLE)
def test_lookalike_is_found(email: str) -> None:
    """An email with letters of one script among those of another, or in their place, is found out."""
    assert is_mistakable(canonical_email(email))


@pytest.mark.parametrize("email", PLAIN.values(), ids=PLAIN)
def test_other_scripts_are_welcome(email: str) -> None:
    """An email in any one script, or in a mixture that its language needs, is taken."""
    assert not is_mistakable(canonical_email(email))
