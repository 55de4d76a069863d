"""Whose deliveries are taken next: no endpoint waits for another."""

from hypothesis import given
from hypothesis import strategies as st

from shillings.webhooks.claims import LEASED_ENOUGH, LEASED_MAX, Queue, shares

QUEUES = st.lists(
    st.builds(
        Queue,
        endpoint_id=st.binary(min_size=1, max_size=2),
        due_at=st.sampled_from(["1", "2", "3", "4"]),
        leased=st.integers(0, LEASED_MAX + 5),
        failing=st.booleans(),
    ),
    max_size=30,
    unique_by=lambda queue: queue.endpoint_id,
)


@given(queues=QUEUES, limit=st.integers(0, 200), spare=st.integers(0, 100))
def test_limits_hold(queues: list[Queue], limit: int, spare: int) -> None:
    """Nobody gets more than the limit, more than its most, or what is not due."""
    found = shares(queues, "2", limit, spare=spare)

    by_id = {queue.endpoint_id: queue for queue in queues}
    assert sum(found.values()) <= limit
    assert sum(found.values()) <= max(limit - spare, len(found))
    for endpoint_id, count in found.items():
        queue = by_id[endpoint_id]
        assert queue.due_at <= "2"
        assert queue.leased + count <= (1 if queue.failing else LEASED_MAX)


@given(queues=QUEUES)
def test_with_room_for_all_everybody_gets_something(queues: list[Queue]) -> None:
    """When the deliverer has room enough, each endpoint that has not enough under way gets more."""
    found = shares(queues, "2", 10_000)

    free = {
        queue.endpoint_id
        for queue in queues
        if queue.due_at <= "2" and queue.leased <= (0 if queue.failing else LEASED_ENOUGH)
    }
    assert found.keys() == free


def test_failing_endpoints_leave_room() -> None:
    """However many endpoints fail, half of the room is for those that do not."""
    dead = [Queue(b"d%d" % number, "1", 0, failing=True) for number in range(100)]
    found = shares([*dead, Queue(b"b", "2", 0, failing=False)], "2", 20)

    assert found[b"b"] == 10
    assert sum(found.values()) == 20


def test_endpoints_share_evenly() -> None:
    """Two endpoints with much waiting get as many each."""
    assert shares([Queue(b"a", "1", 0, False), Queue(b"b", "2", 0, False)], "2", 40) == {b"a": 20, b"b": 20}


def test_hanging_endpoints_leave_room_for_one_that_is_well() -> None:
    """However much waits for endpoints that have much under way, one that has nothing gets spare room."""
    hanging = [Queue(b"h%d" % number, "1", 20, False) for number in range(10)]
    well = Queue(b"w", "2", 0, False)
    assert shares([*hanging, well], "2", 64, spare=64) == {b"w": 1}
