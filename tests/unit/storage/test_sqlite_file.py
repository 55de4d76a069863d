"""The embedded database's file is its owner's only, and one process at a time uses it."""

import stat
from pathlib import Path

import pytest

from shillings.base.errors import SettingsError
from shillings.storage.engines import MYSQL, SQLITE, sqlite_file
from shillings.storage.engines.sqlite_file import prepare_file


def test_database_file_becomes_private(tmp_path: Path) -> None:
    """The database and what SQLite keeps beside it are their owner's only, also when they were there before."""
    database = tmp_path / "x.db"
    prepare_file(database)
    assert stat.S_IMODE(database.stat().st_mode) == 0o600

    files = [database, tmp_path / "x.db-wal", tmp_path / "x.db-shm"]
    for file in files:
        file.write_bytes(b"kept")
        file.chmod(0o644)
    prepare_file(database)

    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600] * 3
    assert database.read_bytes() == b"kept"


def test_claimed_database_is_refused_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two servers cannot use one file; when the first has let go, the next one may."""
    monkeypatch.setattr(sqlite_file, "FILE_LOCK_SECONDS_MAX", 0.1)
    url = f"sqlite:///{tmp_path / 'x.db'}"
    claim = SQLITE.claim(url)
    assert claim is not None
    with pytest.raises(SettingsError, match="another Shillings uses"):
        SQLITE.claim(url)
    claim.close()
    again = SQLITE.claim(url)

    assert again is not None
    again.close()


def test_servers_share_a_database_that_is_not_embedded() -> None:
    """Nothing is claimed where several application servers use one database."""
    assert MYSQL.claim("mysql+pymysql://h/d") is None
