"""Two emails that are one person's are one text; what could pass for another is refused."""

# ruff: noqa: RUF001 - letters that look like others are what some tests are about

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shillings.app.identity import (
    canonical_email,
    checked_name,
    checked_phone,
    new_email,
    new_password,
    normal_password,
)
from shillings.base.errors import Code, Refusal

SAME = {
    "case": ("Ann@Example.COM", "ann@example.com"),
    "outer white space": (" \t ann@example.com\r\n", "ann@example.com"),
    "outer no-break space": ("\u00a0ann@example.com\u3000", "ann@example.com"),
    "kelvin sign": ("\u212aim@example.com", "kim@example.com"),
    "sharp s": ("groß@example.com", "gross@example.com"),
    "capital sharp s": ("GROẞ@example.com", "gross@example.com"),
    "composed": ("rene\u0301@example.com", "ren\u00e9@example.com"),
    "composed capital": ("RENE\u0301@example.com", "ren\u00e9@example.com"),
    "full width": ("ａｎｎ＠ｅｘａｍｐｌｅ．ｃｏｍ", "ann@example.com"),
    "ligature": ("o\ufb03ce@example.com", "office@example.com"),
    "long s": ("cla\u017f\u017f@example.com", "class@example.com"),
    "final sigma": ("νικος@example.com", "νικοσ@example.com"),
}

DIFFERENT = {
    "dotless i": ("\u0131an@example.com", "ian@example.com"),
    "accent": ("rené@example.com", "rene@example.com"),
    "plus": ("ann+1@example.com", "ann@example.com"),
    "dot": ("a.nn@example.com", "ann@example.com"),
    "Cyrillic a": ("аnn@example.com", "ann@example.com"),
}

NO_EMAILS = {
    "nothing": "",
    "blank": "   ",
    "no at": "ann.example.com",
    "two ats": "ann@b@example.com",
    "no domain": "ann@",
    "no name": "@example.com",
    "no dot": "ann@example",
    "dot at the end": "ann@example.",
    "two dots": "ann@example..com",
    "inner space": "an n@example.com",
    "inner no-break space": "an\u00a0n@example.com",
    "inner line end": "ann@example.com\nbcc: bob@example.com",
    "zero-width joiner": "an\u200dn@example.com",
    "zero-width space": "an\u200bn@example.com",
    "right-to-left mark": "ann\u200f@example.com",
    "right-to-left override": "\u202eann@example.com",
    "soft hyphen": "an\u00adn@example.com",
    "byte order mark": "\ufeffann@example.com",
    "variation selector": "ann\ufe0f@example.com",
    "grapheme joiner": "an\u034fn@example.com",
    "Hangul filler": "ann\u3164@example.com",
    "Braille blank": "ann\u2800@example.com",
    "tag": "ann\U000e0061@example.com",
    "NUL": "ann\0@example.com",
    "lone surrogate": "ann\ud800@example.com",
    "accent that brings a space": "\u00b4ann@example.com",
    "long name": "a" * 65 + "@example.com",
    "255 characters": "a@" + "b" * 249 + ".com",
    "grows beyond 254 characters": "ann@" + "\ufb03" * 90 + ".com",
}


@pytest.mark.parametrize(("given_form", "canonical"), SAME.values(), ids=SAME)
def test_one_persons_forms_are_one_text(given_form: str, canonical: str) -> None:
    """Case, width, composition and outer white space make no difference."""
    assert canonical_email(given_form) == canonical_email(canonical) == canonical


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT)
def test_other_letters_are_other_people(one: str, other: str) -> None:
    """Letters that are not the same letter are not made so."""
    assert canonical_email(one) != canonical_email(other)


@pytest.mark.parametrize("text", NO_EMAILS.values(), ids=NO_EMAILS)
def test_what_is_no_email_is_refused(text: str) -> None:
    """What is no email, or has characters nobody can see, is refused with the field's name."""
    with pytest.raises(Refusal, match=r"^receiver_email ") as refused:
        canonical_email(text, "receiver_email")

    assert refused.value.code is Code.INVALID_REQUEST


def test_longest_email_is_taken() -> None:
    """254 characters are an email."""
    text = "a@" + "b" * 248 + ".com"

    assert canonical_email(text) == text


def test_padded_email_is_refused() -> None:
    """Text far longer than any email is refused even if white space is most of it, so nothing large is remembered."""
    with pytest.raises(Refusal, match="at most 254"):
        canonical_email("ann@example.com" + " " * 60_000)


LETTERS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@given(LETTERS, LETTERS)
def test_canonical_form_is_its_own(name: str, domain: str) -> None:
    """Whatever is accepted is accepted again as it came out, unchanged and in any case or composition."""
    try:
        email = canonical_email(f"{name}@{domain}.example")
    except Refusal:
        return

    assert canonical_email(email) == email
    assert canonical_email(unicodedata.normalize("NFD", email)) == email
    assert canonical_email(f" {email}\n") == email
    assert email.count("@") == 1
    assert not any(character.isspace() for character in email)


@given(st.emails())
def test_ordinary_emails_are_taken(email: str) -> None:
    """What mail servers take is taken, but for the exotic forms with quotes, and case does not matter."""
    assert canonical_email(email) == canonical_email(email.upper()) == canonical_email(email.lower())


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (" Ann ", "Ann"),
        ("Jose\u0301", "José"),
        ("O'Brien", "O'Brien"),
        ("'; DROP TABLE users; --", "'; DROP TABLE users; --"),
        ("李小龍", "李小龍"),
        ("x" * 100, "x" * 100),
        ("😀" * 100, "😀" * 100),
    ],
)
def test_name_is_kept_as_written(text: str, kept: str) -> None:
    """A name keeps its letters; it loses outer white space and gets the composed form."""
    assert checked_name(text, "first_name", required=True) == kept


@pytest.mark.parametrize("text", ["", "  ", "x" * 101, "a\0b", "a\r\nb", "a\x1b[31mb", "a\ud800"])
def test_bad_name_is_refused(text: str) -> None:
    """Empty, too long and control characters are refused with the field's name."""
    with pytest.raises(Refusal, match=r"^last_name must"):
        checked_name(text, "last_name", required=True)


def test_middle_name_may_be_empty() -> None:
    """A name that is not required may be left out."""
    assert checked_name(" ", "middle_name", required=False) == ""


@pytest.mark.parametrize("text", [
    "", "  ", "+65 6123 4567", "020 (7946)-00.00", "123", "1" * 20, "(404) 555-1212", "+49 30/123456", "555-1212 x12",
    "(+44) 20 7946 0000", "555 1212 EXT. 9", "+1.404.555.1212", "112", "1-800-555-1212 extension 12", "555\u20111212",
    "06\u202f12\u202f34\u202f56\u202f78", "404\u2212555\u22121212",
])  # fmt: skip
def test_phone_is_kept(text: str) -> None:
    """A phone number is kept as it was written, or may be left out."""
    assert checked_phone(text) == text.strip()


def test_marks_around_a_copied_phone_go() -> None:
    """What tells the direction of writing, around a number that was copied, is no part of it; within, it is refused."""
    assert checked_phone(" \u202a+49 30 123456\u202c ") == "+49 30 123456"
    with pytest.raises(Refusal, match=r"^phone is not"):
        checked_phone("+49 30 \u202e123456")


@pytest.mark.parametrize("text", [
    "12", "phone", "+", "1" * 21, "123\n456", "１２３４", "123;456", "1)))((((", "+-----", "x12", "555-1212 x",
    "++49 30 123",
    "555-1212 x12 x13", "٠١٢٣",
])  # fmt: skip
def test_bad_phone_is_refused(text: str) -> None:
    """What is no phone number is refused."""
    with pytest.raises(Refusal, match=r"^phone is not"):
        checked_phone(text)


@pytest.mark.parametrize("password", ["a" * 7 + "b", "a" * 127 + "b", "😀" * 7 + "!", " spaces stay "])
def test_password_of_any_characters_is_taken(password: str) -> None:
    """8 to 128 characters of any kind are a password, and none is changed."""
    assert new_password(password, ()) == password


@pytest.mark.parametrize("password", ["", "a" * 7, "😀" * 7, "a" * 129, "a" * 1000, "1234567\0", "e\u0301" * 7])
def test_bad_password_is_refused(password: str) -> None:
    """Too short, too long (counted composed) and NUL characters are refused."""
    with pytest.raises(Refusal, match=r"^password must"):
        new_password(password, ())


@pytest.mark.parametrize("password", ["password", "12345678", " " * 8, "ann@example.com", "annmarie1", "Shillings!"])
def test_password_that_anybody_would_guess_is_refused(password: str) -> None:
    """The commonest passwords, patterns, and the user's own names and email are refused with advice."""
    with pytest.raises(Refusal, match=r"^new_password is .*Choose another"):
        new_password(password, ("Annmarie", "Lee", "ann@example.com"), "new_password")


def test_email_that_looks_like_another_is_refused() -> None:
    """Nobody signs up with a lookalike; who has one already can still log in and be paid."""
    with pytest.raises(Refusal, match=r"^email has letters that could be taken for others"):
        new_email("\u0430nn@example.com")
    assert canonical_email("\u0430nn@example.com") == "\u0430nn@example.com"
    assert new_email(" Ann@Example.com ") == "ann@example.com"


def test_password_is_the_same_from_every_keyboard() -> None:
    """Composed and decomposed letters are the same password; case and outer space are not."""
    assert normal_password("cafe\u0301 au lait") == new_password("caf\u00e9 au lait", ())
    assert normal_password(" Secret ") != normal_password("secret")
