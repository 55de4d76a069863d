"""What the tests take from Debian's package archive, made once and kept in the user's cache directory."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from deploy.local.programs import find_program

_SECONDS_MAX = 300.0
# A suite that is still moving may be past the date on its release file where the clock is ahead of its mirror.
_OPTIONS = [
    "--quiet",
    "--aptopt=Acquire::Check-Valid-Until false",
    "--aptopt=Acquire::Retries 3",
    *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale", "info")),
]


def file_system(suite: str, packages: Sequence[str], *hooks: str) -> Path:
    """A tar file with a small Debian, these packages, and what mmdebstrap's hooks add at the end."""
    options = [f"--customize-hook={hook}" for hook in hooks]

    def make(target: Path) -> None:
        _mmdebstrap(
            "--variant=minbase", "--format=tar", f"--include={','.join(packages)}", *options, suite, str(target)
        )

    return cached(f"{suite}-{packages[0]}", [suite, *packages, *hooks], make)


def unpacked(package: str, suite: str) -> Path:
    """A folder in which a package lies, with what it depends on; nothing is set up."""

    def make(target: Path) -> None:
        _mmdebstrap("--variant=extract", "--format=directory", f"--include={package}", suite, str(target))

    return cached(f"{suite}-{package}", ["unpacked", suite, package], make)


def cached(name: str, recipe: Sequence[str], make: Callable[[Path], None]) -> Path:
    """What a recipe makes, from the cache; made now, if it is not there.

    It is made beside its place and moved there whole. Where several processes want it, one makes it, the others wait.
    """
    key = hashlib.sha256("\0".join([*_OPTIONS, *recipe]).encode()).hexdigest()[:12]
    target = _directory() / f"{name}-{key}"
    with (_directory() / f"{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            with tempfile.TemporaryDirectory(prefix="making-", dir=target.parent) as scratch:
                made = Path(scratch) / "made"
                make(made)
                made.rename(target)
        os.utime(target)
    _forget_unused(target.parent)
    return target


def _forget_unused(directory: Path) -> None:
    """Remove what no run has used for a month: older recipes' results."""
    for path in directory.iterdir():
        if path.suffix != ".lock" and path.stat().st_mtime < time.time() - 30 * 86_400:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()


def _directory() -> Path:
    home = os.environ.get("XDG_CACHE_HOME", "") or str(Path.home() / ".cache")
    directory = Path(home) / "shillings" / "containers"
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    return directory


def _mmdebstrap(*arguments: str) -> None:
    result = subprocess.run(
        [find_program("mmdebstrap"), *_OPTIONS, *arguments],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_SECONDS_MAX, check=False,
    )  # fmt: skip
    assert result.returncode == 0, f"mmdebstrap {' '.join(arguments)}\n{result.stdout}\n{result.stderr}"
