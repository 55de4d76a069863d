"""The tests of the service itself on a newer Python: Debian 13's."""

import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.containers.debian import file_system
from tests.containers.engine import Engine
from tests.containers.stack import Project
from tests.containers.stand_ins import wheels
from tests.figures import note
from tests.pages import ROOT

VERSION = "3.13.5"
IMAGE = f"debian/python:{VERSION}"
# Tools that none of these tests starts, and which are large.
SPARED = ["grpcio-tools", "import-linter", "matplotlib", "mypy", "py-spy"]
SUITE = [
    "tests/unit",
    "tests/contract",
    # The end-to-end tests of the API itself. All of them, with those of tools and times, would take longer than
    # everything else here.
    *(
        f"tests/end_to_end/test_{name}.py"
        for name in ("amounts", "bodies", "history", "idempotency", "journey", "sessions", "signup", "someone_elses")
    ),
]
# Servers that are not in there: the contract is tried on SQLite and in the process.
WITHOUT = {"mariadbd", "mysqld", "redis-server"}
SECONDS_MAX = 900
# The environment has all of the lock; the project is put in from a wheel, as its users do it.
_RUN = """
pip install --quiet --no-index --no-deps --no-build-isolation .
exec python -m pytest -q -p no:cacheprovider --durations=0 --durations-min=60 "$@"
"""


@pytest.fixture(scope="module")
def python(project: Project) -> Engine:
    """An engine with an image that has the newer Python and what requirements.lock names."""
    locks = [ROOT / "requirements.lock", ROOT / "deploy" / "requirements-build.lock"]
    install = 'chroot "$1" /venv/bin/pip install --quiet --no-index --no-deps --find-links /wheels'
    tar = file_system(
        "trixie",
        ("python3-venv", "curl", "openssl", "make", "iproute2", "procps"),
        f"copy-in {wheels(VERSION, *locks, spared=SPARED)} /",
        'mv "$1"/wheels-* "$1"/wheels',
        'chroot "$1" python3 -m venv /venv',
        f"{install} --require-hashes --requirement /wheels/wanted.txt",
        'rm -r "$1"/wheels',
    )
    project.engine.docker("import", "--change", "ENV PATH=/venv/bin:/usr/sbin:/usr/bin:/sbin:/bin", str(tar), IMAGE)
    return project.engine


@pytest.mark.timeout(2 * SECONDS_MAX)
def test_service_passes_its_tests(python: Engine, tmp_path: Path) -> None:
    """On the newer Python the unit tests, the contract's on SQLite and the API's end-to-end tests pass."""
    ignored = shutil.ignore_patterns(".*", "__pycache__", "containers", "production")
    shutil.copytree(ROOT, tmp_path / "project", ignore=ignored)
    began = time.monotonic()
    # The engine's own network: only loopback, but of both families.
    options = ["--rm", "--init", "--network", "host", "--volume", f"{tmp_path}/project:/project"]
    run = ["docker", "run", *options, "--workdir", "/project", IMAGE, "sh", "-euc", _RUN, "tests", *SUITE]
    result = subprocess.run(
        run, env=python.client_environ(),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SECONDS_MAX, check=False,
    )  # fmt: skip

    assert result.returncode == 0, result.stdout
    passed = re.findall(r"^(\d+) passed.* in ", result.stdout, re.MULTILINE)
    assert passed
    assert set(re.findall(r"(\S+) is not installed", result.stdout)) <= WITHOUT
    note(f"Python {VERSION}: {passed[0]} tests passed in {time.monotonic() - began:.0f} s")
