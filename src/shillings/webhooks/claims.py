"""Whose deliveries are taken next: so many from each endpoint that none waits for another. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

LEASED_MAX = 128
"""Deliveries of one endpoint that are under way or waiting at a deliverer."""

LEASED_ENOUGH = LEASED_MAX // 2
"""An endpoint that has more than this gets no more yet: a claim costs a commit, so it is to bring many."""

FAILING_PART = 2
"""An endpoint whose last attempt failed has one delivery under way: it is tried, and takes little of the deliverer's
time. All such endpoints together get one part in so many of what a deliverer can take."""


class Queue(NamedTuple):
    """What waits for one endpoint.

    Args:
        endpoint_id: whose it is.
        due_at: when its first delivery is due, in the stored form.
        leased: how many of its deliveries some deliverer has.
        failing: whether its last attempt failed.
    """

    endpoint_id: bytes
    due_at: str
    leased: int
    failing: bool


def shares(queues: Sequence[Queue], now: str, limit: int, *, spare: int = 0) -> dict[bytes, int]:
    """How many deliveries to take from each endpoint.

    Each gets one before any gets a second, those that have waited longest first; what is left is shared evenly. What is
    counted is room, not deliveries: an endpoint may have fewer that are due.

    >>> busy, dead = Queue(b"b", "1", 0, False), Queue(b"d", "0", 0, True)
    >>> shares([busy, dead], "2", 10), shares([busy, dead], "2", 10, spare=5)
    ({b'd': 1, b'b': 9}, {b'd': 1, b'b': 4})

    Args:
        queues: what waits.
        now: the time.
        limit: how many in all.
        spare: how many of them are only for endpoints that have nothing under way: so there is room for one that is
            well while others hang.
    """
    waiting = [queue for queue in queues if queue.due_at <= now]
    due = sorted(waiting, key=lambda queue: (queue.due_at, queue.endpoint_id))
    found: dict[bytes, int] = {}
    failing = 0
    for queue in due:
        if len(found) >= limit or queue.leased or (queue.failing and failing >= max(1, limit // FAILING_PART)):
            continue
        found[queue.endpoint_id] = 1
        failing += queue.failing
    rooms = {
        q.endpoint_id: LEASED_MAX - q.leased - found.get(q.endpoint_id, 0)
        for q in due
        if not q.failing and q.leased <= LEASED_ENOUGH
    }
    _share_evenly(found, {i: room for i, room in rooms.items() if room > 0}, limit - spare - len(found))
    return found


def _share_evenly(found: dict[bytes, int], rooms: dict[bytes, int], left: int) -> None:
    """Add to what was found until nothing is left, or there is no room."""
    while left > 0 and rooms:
        each = max(1, left // len(rooms))
        for endpoint_id in list(rooms)[:left]:
            take = min(each, rooms[endpoint_id], left)
            found[endpoint_id] = found.get(endpoint_id, 0) + take
            left -= take
            rooms[endpoint_id] -= take
            if not rooms[endpoint_id]:
                del rooms[endpoint_id]
