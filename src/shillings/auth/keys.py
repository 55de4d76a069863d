"""The secrets that sign tokens: what one must be, and the one that a data directory keeps.

A kept secret is written whole or not at all: under another name, synced, and only then renamed. So a disk that was
full, or a machine that lost power, leaves nothing behind that a later start would trust.
"""

import fcntl
import os
import secrets
import stat
from pathlib import Path

from shillings.base.errors import SettingsError

KEY_BYTES_MIN = 32
KEY_FILE_BYTES_MAX = 4096
KEY_CHARACTERS_DIFFERENT_MIN = 8
KEY_PIECE_CHARACTERS_MIN = 16
"""A shorter piece, again and again, is no key."""


def weakness(key: str) -> str:
    """Why a secret may not sign tokens, as the rest of a sentence that names it; empty when it may.

    >>> weakness("short")
    'has 5 bytes; 32 are the least'
    """
    size = len(key.encode(errors="surrogateescape"))
    if size < KEY_BYTES_MIN:
        return f"has {size} bytes; {KEY_BYTES_MIN} are the least"
    # Where a text is found in itself again, it is a repetition; the last piece may be cut.
    repeats = any(key.startswith(key[size:]) for size in range(1, KEY_PIECE_CHARACTERS_MIN))
    if repeats or len(set(key)) < KEY_CHARACTERS_DIFFERENT_MIN:
        return "is easy to guess; make one with: openssl rand -hex 32"
    return ""


def kept_key(path: Path) -> str:
    """The secret kept in a file; made, for its owner only, when there is none.

    Raises:
        SettingsError: the file cannot be read or made, belongs to others too, or holds no good secret.
    """
    try:
        return _read_or_make(path)
    except OSError as error:
        raise SettingsError(
            f"cannot keep a signing key in {path}: {error.strerror}. Choose another --data-dir"
        ) from None


def _read_or_make(path: Path) -> str:
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # Of two that start at once, one makes the secret and the other reads it.
        fcntl.flock(folder, fcntl.LOCK_EX)
        if not path.is_symlink() and not path.exists():
            _make(path)
            os.fsync(folder)
        return _read(path)
    finally:
        os.close(folder)


def _make(path: Path) -> None:
    unfinished = path.with_name(path.name + ".new")
    try:
        unfinished.unlink(missing_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
            file.flush()
            os.fsync(descriptor)
        unfinished.rename(path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise


def _read(path: Path) -> str:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise SettingsError(
                f"{path} must be a file that only its owner may read. Run: chmod 600 {path}, or remove it;"
                " then a new one is made, and everybody has to log in again"
            )
        key = file.read(KEY_FILE_BYTES_MAX).decode("ascii", "surrogateescape").strip()
    if reason := weakness(key):
        raise SettingsError(f"{path} {reason}. Remove it; a new one is made, and everybody has to log in again")
    return key
