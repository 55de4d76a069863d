"""The kept signing key: whole or not there at all, its owner's only, and never a weak one."""

import os
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shillings.auth.keys import kept_key
from shillings.base.errors import SettingsError

GOOD = "0123456789abcdef" * 4


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a key is to be."""
    return tmp_path / "jwt.key"


def put(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file with exactly this mode."""
    path.write_bytes(content)
    path.chmod(mode)


def test_key_is_made_once_and_private(path: Path) -> None:
    """A key is made once, has 32 bytes of chance, is its owner's only, and leaves no other file behind."""
    before = os.umask(0)
    key = kept_key(path)
    os.umask(before)

    assert kept_key(path) == key
    assert len(bytes.fromhex(key)) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["jwt.key"]


def test_those_who_start_at_once_have_one_key(path: Path) -> None:
    """However many begin together, all get the same key."""
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(kept_key, [path] * 32))) == 1


@pytest.mark.parametrize("content", [
    b"", b"\n", b"abc", b"0" * 64, b"0123456789abcdef0123456789abcde\n", b"\xff" * 20, b"0123456789" * 4,
    b"abcdefgh" * 4, b"my-secret-key-" * 3 + b"my",
])  # fmt: skip
def test_weak_key_is_refused(path: Path, content: bytes) -> None:
    """A kept key must be as good as one that is set: 32 bytes, and not easy to guess."""
    put(path, content)

    with pytest.raises(SettingsError, match=rf"^{re.escape(str(path))} .*Remove it"):
        kept_key(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o644])
def test_key_that_others_may_read_is_refused(path: Path, mode: int) -> None:
    """A key that others may have read is not trusted, and the sentence says what to do."""
    put(path, GOOD.encode(), mode)

    with pytest.raises(SettingsError, match=f"chmod 600 {re.escape(str(path))}"):
        kept_key(path)


def test_kept_key_is_read_as_it_is(path: Path) -> None:
    """A good key that is there is used, without the line end that an editor adds."""
    put(path, f"{GOOD}\n".encode())

    assert kept_key(path) == GOOD


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_what_is_no_plain_file_is_refused(path: Path, kind: str) -> None:
    """A link, a folder or a pipe in the key's place is refused, at once."""
    if kind == "link":
        put(path.with_name("elsewhere"), GOOD.encode())
        path.symlink_to(path.with_name("elsewhere"))
    elif kind == "folder":
        path.mkdir()
    else:
        os.mkfifo(path, 0o600)

    with pytest.raises(SettingsError):
        kept_key(path)


@pytest.mark.parametrize("step", ["fsync", "rename"])
def test_full_disk_leaves_nothing_to_trust(path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """A key that could not be written whole is not there at all; the next start makes a good one."""

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os if step == "fsync" else Path, step, fail)
        with pytest.raises(SettingsError, match="No space left on device"):
            kept_key(path)
    assert list(path.parent.iterdir()) == []

    assert len(kept_key(path)) == 64


def test_power_loss_half_way_leaves_nothing_to_trust(path: Path) -> None:
    """What an earlier start had begun to write is not taken for the key."""
    put(path.with_name("jwt.key.new"), b"0123", 0o644)

    assert len(kept_key(path)) == 64
    assert [file.name for file in path.parent.iterdir()] == ["jwt.key"]
