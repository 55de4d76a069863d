"""What comes from outside into everything that decides: the time, ids and chance.

Whatever makes a decision that a user could see takes an `Environment` in its constructor, and reads no other clock and
no other chance. So a whole service can be started with a frozen clock and a seed, and does the same twice.
"""

import random
from typing import NamedTuple

from shillings.base.clock import Clock, SystemClock
from shillings.base.ids import Ids, RandomIds, SeededIds


class Environment(NamedTuple):
    """Time, ids and chance.

    Args:
        clock: the time users see.
        ids: makes ids.
        rng: chance that users could see, such as whether a fault is drawn.
        real: the machine's time, for what must go on while `clock` is frozen: leases, and how long a client waited.
    """

    clock: Clock
    ids: Ids
    rng: random.Random
    real: Clock = SystemClock()


def make_environment(*, seed: str = "", clock: Clock | None = None, process: str = "") -> Environment:
    """The environment of one process.

    Args:
        seed: the same seed gives the same ids and draws; empty for ids that nobody can foretell.
        clock: the time users see; None for the machine's clock.
        process: told apart from other processes with the same seed by this name.
    """
    clock = clock or SystemClock()
    if not seed:
        return Environment(clock, RandomIds(clock), random.Random())
    # Two generators: how many ids were made must not change what is drawn.
    return Environment(
        clock,
        SeededIds(clock, random.Random(f"{seed}/{process}/ids")),
        random.Random(f"{seed}/{process}/chance"),
    )
