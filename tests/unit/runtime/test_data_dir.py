"""The data directory and its files are their owner's only, and a start that cannot use them says so in one sentence."""

import stat
from pathlib import Path

import pytest

from shillings.base.errors import SettingsError
from shillings.runtime.data_dir import prepare_folder


def mode(path: Path) -> int:
    """The rights of a file."""
    return stat.S_IMODE(path.stat().st_mode)


def test_new_folder_is_private(tmp_path: Path) -> None:
    """A data directory that is made is its owner's only, at any depth, and holds nothing yet."""
    folder = tmp_path / "a" / "b"
    prepare_folder(folder)

    assert mode(folder) == 0o700
    assert list(folder.iterdir()) == []


def test_folder_that_was_there_becomes_private(tmp_path: Path) -> None:
    """A directory that others may read is closed to them; what is in it stays."""
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(0o755)
    (folder / "kept").touch()
    prepare_folder(folder)

    assert mode(folder) == 0o700
    assert (folder / "kept").exists()


def test_shared_folder_is_refused(tmp_path: Path) -> None:
    """A directory such as /tmp is not closed to everybody else."""
    tmp_path.chmod(0o1777)

    with pytest.raises(SettingsError, match="shared with other users"):
        prepare_folder(tmp_path)
    assert mode(tmp_path) == 0o1777


def test_folder_that_cannot_be_is_refused(tmp_path: Path) -> None:
    """A file in the directory's place, a file above it, and a place where nothing can be made are refused by name."""
    (tmp_path / "file").touch()
    for folder, reason in (
        (tmp_path / "file", "is a file"),
        (tmp_path / "file" / "below", "Not a directory"),
        (Path("/proc/shillings"), "cannot be used"),
        (Path("/proc"), "cannot be used"),
    ):
        with pytest.raises(SettingsError, match=reason) as refused:
            prepare_folder(folder)
        assert str(folder) in str(refused.value)
        assert "--data-dir" in str(refused.value)
