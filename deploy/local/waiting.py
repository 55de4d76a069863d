"""Waits for a condition, with a deadline."""

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], object], *, seconds: float, what: str, interval: float = 0.01) -> None:
    """Return as soon as the condition is true.

    Raises:
        TimeoutError: it was not within the given time; the message names `what` was awaited.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            raise TimeoutError(f"waited {seconds:g} s in vain for {what}")
        time.sleep(interval)
