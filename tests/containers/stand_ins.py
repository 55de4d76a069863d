"""Images that stand in for the official ones, which cannot be had everywhere: made of Debian's packages.

Each folder of `images` has a Dockerfile that says what it stands in for and how far. They are called `stand-in/...`, so
that nobody takes one for what it is not.
"""

import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement

from tests.containers.debian import cached, file_system
from tests.containers.engine import Engine
from tests.pages import ROOT

_IMAGES = Path(__file__).parent / "images"
_LOCKS = [ROOT / "requirements-production.lock", ROOT / "deploy" / "requirements-build.lock"]
_DOWNLOAD_SECONDS_MAX = 300.0


class StandIn(NamedTuple):
    """One image.

    Args:
        variable: what deploy/.env calls the image in whose place it is used.
        suite: of Debian, which decides the version.
        packages: what is installed.
    """

    variable: str
    suite: str
    packages: tuple[str, ...]

    @property
    def root(self) -> str:
        """What it is made from: an image with these packages and nothing of ours."""
        return f"debian/{self.packages[0]}:{self.suite}"


# One file system for three: unpacking a Debian takes longer than what is in it.
_SERVERS = ("mariadb-server", "mariadb-backup", "haproxy", "redis-server")
STAND_INS = {
    "mariadb": StandIn("MARIADB_IMAGE", "bookworm", _SERVERS),
    "python": StandIn("PYTHON_IMAGE", "bookworm", ("python3-venv", "python3-pip")),
    # Only the suites to come have a version that looks the web servers' name up again and again.
    "nginx": StandIn("NGINX_IMAGE", "forky", ("nginx", "curl", "gettext-base")),
    "haproxy": StandIn("HAPROXY_IMAGE", "bookworm", _SERVERS),
    "redis": StandIn("REDIS_IMAGE", "bookworm", _SERVERS),
}
"""By the name of the folder, those that take longest first."""


def image_variables() -> dict[str, str]:
    """What deploy/.env's variables of images have to be, so that the stand-ins are used."""
    return {one.variable: f"stand-in/{name}:debian-{one.suite}" for name, one in STAND_INS.items()}


def make_stand_ins(engine: Engine) -> None:
    """Make all images in the engine, two at a time."""
    roots = {one.root: one for one in STAND_INS.values()}
    with ThreadPoolExecutor(2) as pool:
        for imported in [pool.submit(_import_root, engine, one) for one in roots.values()]:
            imported.result()
        for made in [pool.submit(_make, engine, name) for name in STAND_INS]:
            made.result()


def _import_root(engine: Engine, one: StandIn) -> None:
    engine.docker("import", str(file_system(one.suite, one.packages)), one.root)


def _make(engine: Engine, name: str) -> None:
    one = STAND_INS[name]
    with tempfile.TemporaryDirectory(prefix="shillings-") as scratch:
        folder = Path(scratch) / name
        shutil.copytree(_IMAGES / name, folder)
        if name == "python":
            shutil.copytree(wheels("3.11.2", *_LOCKS), folder / "wheels")
        tag = image_variables()[one.variable]
        engine.docker("build", "--build-arg", f"ROOT={one.root}", "--tag", tag, str(folder))


def wheels(version: str, *locks: Path, spared: Collection[str] = ()) -> Path:
    """A folder with what locks name, for one version of Python on this machine, each file checked by its hash.

    Args:
        version: the whole one, such as 3.11.2.
        locks: each requirement with its hashes.
        spared: packages that are not wanted, and so what only they need.
    """
    machine = platform.machine()
    platforms = [f"manylinux_2_28_{machine}", f"manylinux2014_{machine}", f"manylinux_2_17_{machine}"]
    wanted = "".join(_wanted(lock.read_text(), version, spared) for lock in locks)
    minor = version.rpartition(".")[0]

    def make(target: Path) -> None:
        target.mkdir()
        (target / "wanted.txt").write_text(wanted)
        result = subprocess.run(
            [
                *(sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(target), "--require-hashes"),
                *("--only-binary", ":all:", "--no-deps", "--implementation", "cp", "--python-version", minor),
                *(f"--platform={name}" for name in platforms),
                f"--requirement={target / 'wanted.txt'}",
            ],
            capture_output=True, text=True, timeout=_DOWNLOAD_SECONDS_MAX, check=False,
        )  # fmt: skip
        assert result.returncode == 0, result.stderr

    return cached(f"wheels-{minor}", [machine, wanted], make)


def _wanted(lock: str, version: str, spared: Collection[str]) -> str:
    """The part of a lock that one version of Python needs here, without the conditions.

    pip would hold the conditions against the Python that runs it, not against the one it downloads for.
    """
    python = {"python_full_version": version, "python_version": version.rpartition(".")[0]}
    entries: dict[str, str] = {}
    needed_by: dict[str, set[str]] = {}
    for entry in re.split(r"^(?=[a-z0-9])", lock, flags=re.MULTILINE)[1:]:
        requirement, hashes = entry.split("\\\n", 1)
        parsed = Requirement(requirement)
        if parsed.name not in spared and (parsed.marker is None or parsed.marker.evaluate(python)):
            entries[parsed.name] = f"{parsed.name}{parsed.specifier} \\\n{hashes}"
            needed_by[parsed.name] = set(re.findall(r"^    # (?:via|  ) ?([a-z0-9._-]+)", entry, re.MULTILINE))
    kept: set[str] = set()
    while more := {
        name for name, others in needed_by.items() if not others or others & (kept | {"shillings"})
    } - kept:  # fmt: skip
        kept |= more
    return "".join(entries[name] for name in entries if name in kept)
