"""Where the machine's server programs are."""

import os
import shutil
from pathlib import Path

PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"))
"""Where programs are looked for: also where only root's PATH has them."""

_GALERA_LIBRARIES = ("/usr/lib/galera/libgalera_smm.so", "/usr/lib64/galera-4/libgalera_smm.so")


class MissingProgram(Exception):
    """A server program is not installed; the message says what to do."""


def find_program(name: str) -> str:
    """The path of a program, also when only root's PATH has it.

    Raises:
        MissingProgram: it is not installed.
    """
    found = shutil.which(name, path=PATH)
    if found is None:
        raise MissingProgram(f"{name} is not installed: run deploy/local/install-packages.sh")
    return found


def find_galera_library() -> str:
    """The path of the library that makes MariaDB a Galera node.

    Raises:
        MissingProgram: it is not installed.
    """
    for path in _GALERA_LIBRARIES:
        if Path(path).exists():
            return path
    raise MissingProgram("galera-4 is not installed: run deploy/local/install-packages.sh")
