"""What the document says of a field is what is taken."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shillings.contract.fields import PHONE, PHONE_TOLD


@settings(max_examples=50)
@given(st.from_regex(re.compile(PHONE_TOLD)))
def test_phone_that_the_document_allows_is_taken(phone: str) -> None:
    """Every number of the form that the document has is one."""
    assert PHONE.fits(phone.removesuffix("\n"))


@pytest.mark.parametrize(
    "phone", ["", "911", "+65 6123 4567", "(404) 555-1212", "+49 30/123456", "555-1212 x12", "555.1212 ext. 12"]
)
def test_phones_as_people_write_them_are_in_the_document(phone: str) -> None:
    """The usual ways to write a number have the form that the document has."""
    assert re.search(PHONE_TOLD, phone)
