"""Values that tests make up: ids, the time, and environments that do the same twice."""

import random
from datetime import UTC, datetime

from shillings.base.clock import FixedClock, SystemClock
from shillings.base.environment import Environment
from shillings.base.ids import RandomIds, SeededIds

MOMENT = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)

ENVIRONMENT = Environment(SystemClock(), RandomIds(SystemClock()), random.Random())
"""The real time, and ids that nobody can foretell."""

new_id = ENVIRONMENT.ids.new
now = ENVIRONMENT.clock.now


def fixed_environment(moment: datetime = MOMENT, seed: int = 1) -> Environment:
    """An environment whose clock is frozen, and whose ids and chance come from a seed."""
    clock = FixedClock(moment)
    return Environment(clock, SeededIds(clock, random.Random(seed)), random.Random(seed))
