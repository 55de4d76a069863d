"""How long a text may be, in characters (Unicode code points): said once, for fields, columns and documents.

A text is bounded before anything is done with it, because bringing text into one Unicode form takes time that grows
with the square of the number of combining marks in a row.
"""

EMAIL_CHARACTERS_MAX = 254
NAME_CHARACTERS_MAX = 100
PHONE_CHARACTERS_MAX = 32
PASSWORD_CHARACTERS_MIN, PASSWORD_CHARACTERS_MAX = 8, 128
IDEMPOTENCY_KEY_CHARACTERS_MAX = 255
REQUEST_ID_CHARACTERS_MAX = 64
TRACE_CHARACTERS_MAX = 64
ADDRESS_CHARACTERS_MAX = 45
"""The longest form of an IPv6 address."""
CURRENCY_CHARACTERS_MAX = 8
SANDBOX_OPTION_CHARACTERS_MAX = 1000

COMMAND_BYTES_MAX = 80 * 1024
"""One command's own message: a body of 64 KiB, and what its path and its query add, are smaller as protobuf. A frame
may be larger for the sake of answers; reading one full of nothing but tiny fields takes a tenth of a second."""

TOKEN_CHARACTERS_MAX = 1024
TOKENS_TRIED_MAX = 16
"""Cookies of one request that may be the session's."""

EVENT_TYPE_CHARACTERS_MAX = 40
WEBHOOK_URL_CHARACTERS_MAX = 2048
ATTEMPT_DETAIL_CHARACTERS_MAX = 300
ANSWER_BYTES_MAX = 20_000
"""How much of the answer of a webhook's receiver is read and kept."""

HOLD_SECONDS_DEFAULT, HOLD_SECONDS_MAX = 7 * 86_400, 31 * 86_400
CLOCK_YEAR_MAX = 9000
"""How far the test clock goes: beyond, what is added to it (a token's lifetime, say) would leave the calendar."""

REFERENCE_CHARACTERS_MAX = 128
METADATA_ITEMS_MAX = 16
METADATA_NAME_CHARACTERS_MAX = 40
METADATA_VALUE_CHARACTERS_MAX = 200
PAGE_LIMIT_MAX = 100
"""Transactions of one page of a history."""
PAGE_BYTES_MAX = 256 * 1024
"""How large such a page is before it ends: of a hundred transactions with all the metadata there may be, one answer
would not fit into a frame."""

UNNORMALIZED_FACTOR = 4
"""How many times its limit a text may be long before it is normalized: no character decomposes into more than four
(NFD, Unicode 15), so what is longer is too long in every form. It also bounds the white space around a text."""


def unnormalized(characters_max: int) -> int:
    """The longest text that may still fit into `characters_max` once it is normalized.

    >>> unnormalized(100)
    400
    """
    return UNNORMALIZED_FACTOR * characters_max
