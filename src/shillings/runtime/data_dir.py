"""The data directory: there, ours, and nobody else's to read."""

import errno
import os
import stat
from pathlib import Path

from shillings.base.errors import SettingsError


def prepare_folder(folder: Path) -> None:
    """Make a directory for data, for its owner only; one that is there already is made so.

    Raises:
        SettingsError: it cannot be made or written to, or it is one that others use too.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make_private(folder)
        _try_writing(folder)
    except FileExistsError:
        raise SettingsError(f"the data directory {folder} is a file. Choose another --data-dir") from None
    except OSError as error:
        raise SettingsError(
            f"the data directory {folder} cannot be used: {error.strerror}. Choose another --data-dir"
        ) from None


def _make_private(folder: Path) -> None:
    found = folder.stat()
    if not found.st_mode & 0o077:
        return
    # The mark of a directory such as /tmp, that is everybody's on purpose.
    if found.st_mode & stat.S_ISVTX:
        raise OSError(errno.EPERM, "it is shared with other users")
    folder.chmod(0o700)


def _try_writing(folder: Path) -> None:
    """Raises OSError when no file can be made there; a read-only disk lets root pass every check of rights."""
    trial = folder / ".trial"
    trial.unlink(missing_ok=True)
    os.close(os.open(trial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    trial.unlink()
