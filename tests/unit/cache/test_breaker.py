"""The breaker: a few failures in a row and nobody asks, but for a probe now and then."""

import pytest

from shillings.cache.breaker import FAILURES_MAX, OPEN_SECONDS, Breaker


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """The time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A frozen clock."""
    return Clock()


@pytest.fixture
def opened(clock: Clock) -> Breaker:
    """A breaker after enough failures."""
    breaker = Breaker(clock)
    for _ in range(FAILURES_MAX):
        assert breaker.allows()
        breaker.failed()
    return breaker


def test_failures_in_a_row_open_it(opened: Breaker) -> None:
    """After enough failures nobody is let through."""
    assert opened.is_open
    assert not opened.allows()


def test_scattered_failures_do_not(clock: Clock) -> None:
    """A success between failures begins the count again."""
    breaker = Breaker(clock)
    for _ in range(FAILURES_MAX * 3):
        breaker.failed()
        breaker.succeeded()

    assert not breaker.is_open
    assert breaker.allows()


def test_one_probe_at_a_time(opened: Breaker, clock: Clock) -> None:
    """When the pause is over one caller is let through; while it asks, nobody else is."""
    clock.now += OPEN_SECONDS

    assert [opened.allows() for _ in range(3)] == [True, False, False]


def test_failed_probe_keeps_it_open(opened: Breaker, clock: Clock) -> None:
    """A probe that fails costs another pause."""
    for _ in range(5):
        clock.now += OPEN_SECONDS
        assert opened.allows()
        opened.failed()
        assert opened.is_open
        assert not opened.allows()


def test_good_probe_closes_it(opened: Breaker, clock: Clock) -> None:
    """A probe that succeeds lets everyone through again, and it takes as many failures again to open it."""
    clock.now += OPEN_SECONDS
    assert opened.allows()
    opened.succeeded()

    assert not opened.is_open
    assert opened.allows()
    opened.failed()
    assert opened.allows()


def test_late_failures_do_not_prolong_the_pause(opened: Breaker, clock: Clock) -> None:
    """Operations that had begun before it opened may fail after that: the next probe comes no later for it."""
    clock.now += OPEN_SECONDS / 2
    opened.failed()
    clock.now += OPEN_SECONDS / 2

    assert opened.allows()
