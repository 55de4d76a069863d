"""A bounded map holds the newest entries within its bounds, and forgets no more than it must."""

from hypothesis import given
from hypothesis import strategies as st

from shillings.base.bounded import BoundedMap

Texts = st.text(alphabet=st.characters(codec="utf-8"), max_size=40)


def bytes_of(text: str) -> int:
    """What a text counts for."""
    return len(text) if text.isascii() else 4 * len(text)


def test_oldest_entry_makes_room() -> None:
    """A full map forgets the entry that was set first, and nothing else."""
    bounded: BoundedMap[int, str] = BoundedMap(entries_max=3)
    for number in range(5):
        bounded[number] = str(number)

    assert [bounded.get(number) for number in range(5)] == [None, None, "2", "3", "4"]
    assert (len(bounded), bounded.key_bytes) == (3, 0)


def test_setting_again_makes_newest() -> None:
    """A key that is set again takes no second place, has its new value, and is forgotten last."""
    bounded: BoundedMap[str, int] = BoundedMap(entries_max=2)
    bounded["a"], bounded["b"] = 1, 2
    bounded["a"] = 3
    bounded["c"] = 4

    assert [bounded.get(key) for key in "abc"] == [3, None, 4]


def test_setting_again_drives_nobody_out() -> None:
    """A full map keeps every neighbour of a key that is set again, and counts its bytes once."""
    bounded: BoundedMap[str, int] = BoundedMap(entries_max=3, key_bytes_max=3)
    bounded["a"], bounded["b"], bounded["c"] = 1, 2, 3
    bounded["b"] = 4

    assert ([bounded.get(key) for key in "abc"], bounded.key_bytes) == ([1, 4, 3], 3)
    bounded["d"], bounded["e"] = 5, 6
    assert [bounded.get(key) for key in "abcde"] == [None, 4, None, 5, 6]


def test_getting_changes_nothing() -> None:
    """Reading an entry does not spare it: what counts is when it was set."""
    bounded: BoundedMap[str, int] = BoundedMap(entries_max=2)
    bounded["a"], bounded["b"] = 1, 2
    assert bounded.get("a") == 1
    bounded["c"] = 3

    assert "a" not in bounded


def test_popped_key_is_gone() -> None:
    """A popped key gives its value once; a key that is not there gives None."""
    bounded: BoundedMap[str, int] = BoundedMap(entries_max=2, key_bytes_max=1000)
    bounded["a"] = 1

    assert (bounded.pop("a"), bounded.pop("a"), bounded.get("a")) == (1, None, None)
    assert (len(bounded), bounded.key_bytes) == (0, 0)


def test_long_keys_make_room_in_bytes() -> None:
    """Where keys are texts, many long ones are forgotten before there are as many as there may be entries."""
    bounded: BoundedMap[str, int] = BoundedMap(entries_max=100, key_bytes_max=3999)
    for number in range(10):
        bounded[str(number) * 1000] = number

    assert [bounded.get(str(number) * 1000) for number in range(10)] == [None] * 7 + [7, 8, 9]


def test_key_larger_than_all_room_is_not_kept() -> None:
    """A key too large for the map is not kept, and drives nobody out."""
    bounded: BoundedMap[str, int] = BoundedMap(entries_max=100, key_bytes_max=500)
    bounded["a"] = 1
    bounded["x" * 1000] = 2

    assert (bounded.get("a"), bounded.get("x" * 1000)) == (1, None)


def test_cleared_map_has_all_its_room() -> None:
    """After clearing, as much fits as at first."""
    bounded: BoundedMap[str, int] = BoundedMap(entries_max=2, key_bytes_max=1000)
    for _ in range(2):
        bounded["a"], bounded["b"] = 1, 2
        assert (len(bounded), bounded.key_bytes) == (2, 2)
        bounded.clear()
        assert (len(bounded), bounded.key_bytes, bounded.get("a")) == (0, 0, None)


@given(st.lists(st.tuples(Texts, st.booleans())), st.integers(1, 5), st.integers(1, 200))
def test_bounds_always_hold(steps: list[tuple[str, bool]], entries_max: int, key_bytes_max: int) -> None:
    """Whatever is set and popped, both bounds hold, the bytes counted are the keys', and the newest is there."""
    bounded: BoundedMap[str, int] = BoundedMap(entries_max=entries_max, key_bytes_max=key_bytes_max)
    for number, (key, is_popped) in enumerate(steps):
        if is_popped:
            bounded.pop(key)
            assert key not in bounded
        else:
            bounded[key] = number
            assert bounded.get(key) == (number if bytes_of(key) <= key_bytes_max else None)
        assert len(bounded) <= entries_max
        assert bounded.key_bytes == sum(bytes_of(kept) for kept in bounded._entries) <= key_bytes_max
