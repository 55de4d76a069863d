"""Chance that comes out the same every time, and is fair."""

from hypothesis import given
from hypothesis import strategies as st

from shillings.sandbox.draws import DRAWS, chance, draw, threshold

numbers = st.integers(0, 10**9)


@given(st.integers(), st.binary(max_size=20), numbers)
def test_draw_is_a_function_of_seed_name_and_number(seed: int, name: bytes, number: int) -> None:
    """The same seed, name and number give the same draw, which is in its bounds."""
    assert draw(seed, name, number) == draw(seed, name, number)
    assert 0 <= draw(seed, name, number) < DRAWS
    assert 0.0 <= chance(seed, name, number) < 1.0


def test_draws_differ() -> None:
    """Another seed, another name and another number each give another draw."""
    draws = {draw(seed, name, number) for seed in range(10) for name in (b"a", b"b") for number in range(200)}

    assert len(draws) == 10 * 2 * 200


def test_draws_are_fair() -> None:
    """A draw wins as often as its probability says, within what ten thousand of them allow."""
    won = sum(draw(1, b"rule", number) < threshold(0.25) for number in range(10_000))

    assert abs(won - 2_500) < 5 * (10_000 * 0.25 * 0.75) ** 0.5
