"""A start that cannot work says so at once, in one sentence, and ends with exit code 2."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shillings.testing.process import shillings_command
from tests.running import clean_environ, run_shillings

REFUSED_SECONDS_MAX = 15.0
"""A start takes about half a second of a processor's time; the rest is for a machine with much else to do."""

KEY = "0123456789abcdef0123456789abcdef"
PORTS = [
    ("serve", "--port", "99999"),
    ("serve", "--port", "-1"),
    ("web", "--listen", "127.0.0.1:99999", "--app", "unix:///x"),
]
PLACES = [
    (("serve", "--host", ""), "must not be empty"),
    (("serve", "--host", "nowhere.invalid"), "cannot listen at nowhere.invalid"),
    (("web", "--listen", "127.0.0.1:\u00b2", "--app", "unix:///x"), "--listen must be host:port"),
    (("app", "--listen", "tcp://127.0.0.1:99999"), "neither tcp://host:port nor unix:///path"),
    (("serve", "--port", "0", "--data-dir", "file"), "the data directory file is a file"),
    (("serve", "--port", "0", "--data-dir", "file/below"), "Not a directory"),
    (("serve", "--port", "0", "--data-dir", "/proc"), "the data directory /proc cannot be used"),
    (("serve", "--port", "0", "--data-dir", ""), "SHILLINGS_DATA_DIR is wrong"),
    (("serve", "--port", "0", "--data-dir", "no-database"), "file is not a database"),
    (("serve", "--port", "0", "--data-dir", "folder-database"), "Is a directory"),
    (("serve", "--port", "0", "--data-dir", "empty-key"), "jwt.key has 0 bytes; 32 are the least"),
    (("serve", "--port", "0", "--data-dir", "short-key"), "jwt.key has 3 bytes; 32 are the least"),
]
SETTINGS = [
    ("SHILLINGS_METRICS_LISTEN", "9100", "must be host:port"),
    ("SHILLINGS_METRICS_LISTEN", "127.0.0.1:99999", "must be host:port"),
    ("SHILLINGS_METRICS_LISTEN", "127.0.0.1:x", "must be host:port"),
    ("SHILLINGS_METRICS_LISTEN", "nowhere.invalid:9100", "cannot listen at nowhere.invalid:9100"),
    ("SHILLINGS_METRICS_LISTEN", "127.0.0.1:65534", "there is no port 65536"),
    ("SHILLINGS_METRICS_LISTEN", "127.0.0.1:0", "must be host:port"),
    ("SHILLINGS_METRICS_LISTEN", "127.0.0.1:\u00b2", "must be host:port"),
    ("SHILLINGS_REDIS_URL", "foo", "SHILLINGS_REDIS_URL is wrong"),
    ("SHILLINGS_REDIS_URL", "redis://127.0.0.1:6379/x", "the database a number"),
    ("SHILLINGS_REDIS_URL", "redis://127.0.0.1:6379/0/1", "the database a number"),
    ("SHILLINGS_REDIS_URL", "redis://127.0.0.1:6379/\u00b2", "the database a number"),
    ("SHILLINGS_REDIS_URL", "redis:///0", "redis://host:port/database"),
    ("SHILLINGS_REDIS_URL", "redis://127.0.0.1:99999/0", "redis://host:port/database"),
    ("SHILLINGS_REDIS_URL", "redis://:hidden#more@127.0.0.1:6379/0", "%23 for #"),
    ("SHILLINGS_REDIS_URL", "127.0.0.1:6379", "redis://host:port/database"),
    ("SHILLINGS_TRACE_ENDPOINT", "collector:4318", "must begin with http:// or https://"),
    ("SHILLINGS_DATABASE_URL", "sqlite:///", "must name a file"),
    ("SHILLINGS_DATABASE_URL", "sqlite:///:memory:", "must name a file"),
    ("SHILLINGS_DATABASE_URL", "sqlite:////proc/x.db", "/proc/x.db cannot be used"),
    ("SHILLINGS_DATABASE_URL", "mysql+pymysql://u:hidden@127.0.0.1:x/y", "is not a URL"),
    ("SHILLINGS_DATABASE_URL", "mysql+pymysql://u:hidden@127.0.0.1:99999/y", "port 99999"),
    ("SHILLINGS_DATABASE_URL", "mysql+pymysql://u:hidden@127.0.0.1", "must name a host and a database"),
    ("PYTHONOPTIMIZE", "1", "without -O"),
    ("PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION", "python", "upb"),
]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with everything that may be where a data directory should."""
    (tmp_path / "file").touch()
    for name in ("no-database", "folder-database", "empty-key", "short-key"):
        (tmp_path / name).mkdir()
    (tmp_path / "no-database" / "shillings.db").write_text("Dear diary, this is no database at all.")
    (tmp_path / "folder-database" / "shillings.db").mkdir()
    for name, content in (("empty-key", ""), ("short-key", "abc")):
        key = tmp_path / name / "jwt.key"
        key.write_text(content)
        key.chmod(0o600)
    return tmp_path


def refusal(*arguments: str, cwd: Path, **settings: str) -> str:
    """What a start said that was refused as it must be: at once, with one sentence and exit code 2."""
    began = time.monotonic()
    refused = run_shillings(*arguments, cwd=cwd, **settings)
    assert time.monotonic() - began < REFUSED_SECONDS_MAX
    assert refused.returncode == 2, refused.stderr
    assert "Traceback" not in refused.stderr
    sentences = {line for line in refused.stderr.splitlines() if line.startswith("shillings: ")}
    assert sentences, refused.stderr
    return " ".join(sentences)


@pytest.mark.parametrize("arguments", PORTS, ids=" ".join)
def test_port_that_is_none_is_refused(folder: Path, arguments: tuple[str, ...]) -> None:
    """A port that no machine has is refused before anything is made."""
    assert "there is no port" in refusal(*arguments, cwd=folder)
    assert not (folder / ".shillings").exists()


@pytest.mark.parametrize(("arguments", "reason"), PLACES, ids=[" ".join(arguments) for arguments, _ in PLACES])
def test_place_that_cannot_be_used_is_refused(folder: Path, arguments: tuple[str, ...], reason: str) -> None:
    """A host, an address, a data directory or a kept key that cannot be used is refused by name."""
    assert reason in refusal(*arguments, cwd=folder)


def test_socket_that_cannot_be_made_is_refused(folder: Path) -> None:
    """An application server whose socket cannot be made says which."""
    assert run_shillings("migrate", cwd=folder).returncode == 0

    assert "cannot listen at unix:///proc/x" in refusal("app", "--listen", "unix:///proc/x", cwd=folder)


@pytest.mark.parametrize(("variable", "value", "reason"), SETTINGS)
def test_setting_that_cannot_work_is_refused(folder: Path, variable: str, value: str, reason: str) -> None:
    """A setting or an interpreter with which no start can work is refused by name, and no password is repeated."""
    said = refusal("serve", "--port", "0", cwd=folder, **{"SHILLINGS_JWT_KEYS": KEY, variable: value})

    assert reason in said
    assert "hidden" not in said


def test_metrics_at_a_port_that_is_taken_are_refused(folder: Path) -> None:
    """Of the ports of the processes' metrics one is taken: one sentence says which, before anything is started."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        listen = f"127.0.0.1:{port - 2}"
        said = run_shillings("serve", "--port", "0", cwd=folder, SHILLINGS_METRICS_LISTEN=listen)

    assert said.returncode == 2
    assert said.stderr == (
        f"shillings: SHILLINGS_METRICS_LISTEN: the 3 processes' metrics are at {port - 2} to {port}: cannot listen at "
        f"127.0.0.1:{port}: Address already in use. Choose another host or port\n"
    )
    assert not (folder / ".shillings").exists()


def test_help_is_quick(folder: Path) -> None:
    """`--help` takes less than a quarter of a second of a processor's time."""

    def seconds() -> float:
        before = os.times()
        command = [shillings_command(), "--help"]
        subprocess.run(command, cwd=folder, env=clean_environ({}), check=True, stdout=subprocess.DEVNULL)
        after = os.times()
        return after.children_user - before.children_user + after.children_system - before.children_system

    assert min(seconds() for _ in range(5)) < 0.25


def test_help_imports_no_driver(folder: Path) -> None:
    """`--help` waits for neither the database's library, nor the HTTP server, nor the protocol."""
    script = (
        "import sys\nfrom shillings.cli import app\napp(['--help'], result_action='return_value')\n"
        "print({'sqlalchemy', 'uvicorn', 'msgspec', 'google.protobuf', 'jwt'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=True)

    assert done.stderr.strip() == "set()"
