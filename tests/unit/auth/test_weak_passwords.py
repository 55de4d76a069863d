"""A password that anybody would guess is found, and one that takes a thought is not."""

import pytest

from shillings.auth.weak_passwords import _common, why_weak

ABOUT = ("Ann-Marie", "van der Lee", "ann.lee42@example.com")
WEAK = [
    "password", "Password", "PASSWORD1", "12345678", "123456789", "qwertyuiop", "1q2w3e4r", "iloveyou", "trustno1",
    "        ", "aaaaaaaa", "00000000", "abababab", "12341234", "abcabcabcab", "abcdefgh", "87654321", " 12345678 ",
    "shillings", "Shillings2026!", "password-2031", "!!wallet!!",
    "ann.lee42@example.com", "ANN.LEE42@EXAMPLE.COM", "ann.lee42", "ann.lee99", "example.com", "Ann-Marie",
    "ann-marie1", "vanderlee", "van der lee!", "example!!",
    "P@ssw0rd!", "Passw0rd1!", "Qwerty123!", "12345678!", "!!12345678", "Summer2024!", "letmein123", "admin-1234",
    "sh1ll1ngs", "passwordpassword", "hunter2hunter2", "ann-marieann-marie",
    "!@#$%^&*", "zxcvbnm,./", "asdfghjkl;", "poiuytrewq", "1234567890123456", "9876543210987", "p a s s w o r d",
    "\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44", "annmarievanderlee", "van-der-lee.ann-marie7",
]  # fmt: skip
GOOD = [
    "correct horse", "battery staple", "correct horse battery", "Tr0ub4dor&3", "kX9#mQ2v", "été à la mer",
    "ann likes tea", "blue house 7", "green-apple-42", "kitten?4711?tea",
    "my shillings are few", "aaaaaaab", "пароль очень",
]  # fmt: skip


@pytest.mark.parametrize("password", WEAK)
def test_what_anybody_would_guess_is_weak(password: str) -> None:
    """The commonest passwords, patterns, and the user's own names and email are weak in any case, digits or not."""
    assert why_weak(password, ABOUT)


@pytest.mark.parametrize("password", GOOD)
def test_what_takes_a_thought_is_not(password: str) -> None:
    """Several words, or characters that follow no pattern, are taken."""
    assert why_weak(password, ABOUT) == ""


def test_short_names_do_not_count() -> None:
    """A name of two letters makes no password weak."""
    assert why_weak("al-47#-al", ("Al", "al", "al@b.cd")) == ""


def test_list_is_long_and_usable() -> None:
    """The list holds thousands of passwords, all of a length that could be chosen, in the form they are compared in."""
    assert len(_common()) == 10_000
    assert all(8 <= len(word) <= 128 and word == word.casefold().strip() for word in _common())
