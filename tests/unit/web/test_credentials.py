"""Who asks, when several headers say it."""

import pytest

from shillings.web.credentials import find_token


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        ({}, ""),
        ({b"cookie": b"token=a.b.c"}, "a.b.c"),
        ({b"cookie": b"a=1; token=a.b.c; b=2"}, "a.b.c"),
        ({b"cookie": b"mytoken=a.b.c"}, ""),
        ({b"cookie": b"token="}, ""),
        ({b"cookie": b'token="a.b.c"'}, "a.b.c"),
        ({b"cookie": b"token=x"}, ""),
        ({b"cookie": b"token=x; token=a.b.c"}, "a.b.c"),
        ({b"cookie": b"token=x.y.z; token=a.b.c"}, "x.y.z a.b.c"),
        ({b"cookie": b"; ".join([b"token=a.b.c"] * 19)}, " ".join(["a.b.c"] * 16)),
        ({b"cookie": b"token=" + b"x" * 2000 + b".y.z; token=a.b.c"}, "a.b.c"),
        ({b"authorization": b"Bearer abc"}, "abc"),
        ({b"authorization": b"bearer  abc "}, "abc"),
        ({b"authorization": b"Basic abc"}, ""),
        ({b"authorization": b"abc"}, ""),
        ({b"authorization": b"Bearer new", b"cookie": b"token=a.b.c"}, "new"),
        ({b"authorization": b"Basic x", b"cookie": b"token=a.b.c"}, "a.b.c"),
        ({b"authorization": b"Bearer", b"cookie": b"token=a.b.c"}, "a.b.c"),
        ({b"authorization": b"Bearer ", b"cookie": b"token=a.b.c"}, "a.b.c"),
        ({b"authorization": b"Bearer \xff\xfe"}, "\xff\xfe"),
        ({b"authorization": b"Bearer " + b"x" * 5000}, ""),
    ],
)
def test_token_is_found(headers: dict[bytes, bytes], token: str) -> None:
    """A Bearer token comes before the cookie, what is no Bearer token hides nothing, and every cookie may be ours."""
    assert find_token(headers, b"token") == token


def test_cookie_has_the_name_it_is_given() -> None:
    """The cookie is looked for under its own name and no other."""
    assert find_token({b"cookie": b"token=a.b.c; purse=d.e.f"}, b"purse") == "d.e.f"
