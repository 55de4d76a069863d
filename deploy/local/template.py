"""Initialised data directories of database servers, made once for each version and copied from then on."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path


class TemplateFailed(Exception):
    """A server could not initialise a data directory; the message has its output."""


def copy_template(target: Path, kind: str, recipe: str, make: Callable[[Path], None]) -> None:
    """Make `target` an initialised data directory.

    Args:
        target: the data directory; must not exist yet.
        kind: which template; part of its name.
        recipe: what the template depends on, such as the server's version: a stale one is never used.
        make: makes that template in the directory it is given, when it does not exist yet.

    Raises:
        TemplateFailed: the server could not initialise a directory.
    """
    template = cache_directory() / f"{kind}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    if not template.is_dir():
        _make_template(template, make)
    shutil.copytree(template, target)


def initialise(command: Sequence[str]) -> None:
    """Run the command that writes a new data directory. Raises TemplateFailed."""
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise TemplateFailed(f"{Path(command[0]).name} failed\n{result.stdout}\n{result.stderr}")


def program_version(command: Sequence[str]) -> str:
    """What a database server says is its version, such as `10.11.6-MariaDB-1`."""
    text = subprocess.run([*command, "--no-defaults", "--version"], check=True, capture_output=True, text=True).stdout
    found = re.search(r"Ver (\S+)", text)
    return found[1] if found else hashlib.sha256(text.encode()).hexdigest()[:16]


def as_root_option() -> list[str]:
    """What a database server must be told when root runs it, which it otherwise refuses."""
    return ["--user=root"] if os.geteuid() == 0 else []


def cache_directory() -> Path:
    """Where templates and unpacked servers are kept: the user's cache directory, made when absent."""
    home = os.environ.get("XDG_CACHE_HOME", "") or str(Path.home() / ".cache")
    directory = Path(home) / "shillings"
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    return directory


def _make_template(template: Path, make: Callable[[Path], None]) -> None:
    """Make it beside its place and move it there whole: several processes may do this at the same time."""
    with tempfile.TemporaryDirectory(prefix="making-", dir=template.parent) as scratch:
        made = Path(scratch) / "data"
        make(made)
        try:
            made.rename(template)
        except OSError:
            if not template.is_dir():
                raise
