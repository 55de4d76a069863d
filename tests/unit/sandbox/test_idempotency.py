"""How idempotency keys may behave."""

import msgspec
import pytest

from shillings.sandbox.idempotency import PRESETS, Idempotency


def test_default_is_what_shillings_does() -> None:
    """Without a word keys wait, remember for a day, and refuse another body with 422."""
    assert PRESETS["shillings"] == Idempotency("wait", "remember", 422, 86_400)


@pytest.mark.parametrize(
    "values",
    [{"concurrent": 422}, {"refusals": "maybe"}, {"other_body": 200}, {"lifetime_seconds": 0}, {"life": 5}],
)
def test_other_values_are_refused(values: dict[str, object]) -> None:
    """Only the ways that are written down can be had."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(values, Idempotency)
