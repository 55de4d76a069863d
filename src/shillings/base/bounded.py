"""A memory with a bound: what has been in it longest makes room for what is new."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class BoundedMap(Generic[Key, Value]):
    """A dictionary of the newest entries. Setting a key again makes its entry the newest; getting it changes nothing.

    Args:
        entries_max: how many entries it holds.
        key_bytes_max: where keys are texts of any length, how many bytes they may have together, counted as four for
            each character unless the text is ASCII. A single key that is larger than this is not kept at all.
    """

    __slots__ = ("_entries", "_entries_max", "_key_bytes", "_key_bytes_max", "get")

    get: Callable[[Key], Value | None]
    """The value of a key, or None. It is the dictionary's own method, because it is on the path of every request."""

    def __init__(self, *, entries_max: int, key_bytes_max: int | None = None) -> None:
        assert entries_max > 0, "room for one"
        self._entries: dict[Key, Value] = {}
        self._entries_max = entries_max
        self._key_bytes_max = key_bytes_max
        self._key_bytes = 0
        self.get = self._entries.get

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: Key) -> bool:
        return key in self._entries

    @property
    def key_bytes(self) -> int:
        """How many bytes the keys have; 0 where that is not bounded."""
        return self._key_bytes

    def __setitem__(self, key: Key, value: Value) -> None:
        """Keep a value; forget the oldest until there is room for it."""
        self.pop(key)
        size = self._size(key)
        if self._key_bytes_max is not None and size > self._key_bytes_max:
            return
        while self._entries and self._is_full(size):
            self.pop(next(iter(self._entries)))
        self._entries[key] = value
        self._key_bytes += size

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._key_bytes = 0

    def pop(self, key: Key) -> Value | None:
        """Forget a key; return what its value was, or None."""
        if key not in self._entries:
            return None
        self._key_bytes -= self._size(key)
        return self._entries.pop(key)

    def _is_full(self, size: int) -> bool:
        is_heavy = self._key_bytes_max is not None and self._key_bytes + size > self._key_bytes_max
        return is_heavy or len(self._entries) >= self._entries_max

    def _size(self, key: Key) -> int:
        if self._key_bytes_max is None:
            return 0
        assert isinstance(key, str), "bytes are counted of texts only"
        # Not sys.getsizeof: that of one text grows when somebody has asked for its UTF-8 form.
        return len(key) if key.isascii() else 4 * len(key)
