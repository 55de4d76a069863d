"""A Docker engine of the tests' own: own data, own socket, own network, own processes. One that is there is left alone.

The engine runs in namespaces of its own. It sees no other engine's containers, and its bridges and firewall rules are
not the machine's. What it stores is in memory. So when its first process ends, the kernel ends and frees everything.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import psutil

from deploy.local.programs import MissingProgram, find_program
from deploy.local.server import Server
from deploy.local.waiting import wait_until
from shillings.testing.process import clean_environ
from tests.containers.debian import unpacked
from tests.programs import leave_out

COMMAND_SECONDS_MAX = 180.0
# In /run are the sockets of other engines and of systemd, which this one must not see.
_START = """
mount -t tmpfs tmpfs /run
mkdir /run/data
mount -t tmpfs -o size=4g tmpfs /run/data
ip link set lo up
exec dockerd --host "unix://$1/docker.sock" --data-root /run/data --exec-root /run/exec --pidfile /run/docker.pid \
    --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "/$2" --bip 10.213.0.1/24
"""


def require_engine() -> None:
    """Leave the test out, loudly, where no engine can be started; in CI that is an error."""
    reason = ""
    try:
        for name in ("dockerd", "docker", "containerd", "iptables", "mmdebstrap", "unshare", "nsenter", "ip"):
            find_program(name)
    except MissingProgram as missing:
        reason = str(missing)
    if not reason and os.geteuid() != 0:
        reason = "containers need a Docker engine of the tests' own, which only root can start: sudo make test"
    if not reason and subprocess.run(["unshare", *_NAMESPACES, "true"], capture_output=True, check=False).returncode:
        reason = "containers need namespaces (unshare), which this machine does not allow"
    if reason:
        leave_out(reason)


_NAMESPACES = ["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]


class _Share(NamedTuple):
    """How one version of cgroups says which share of the processors a group gets.

    Args:
        hierarchy: the folder of groups that have a share.
        mark: a file that is there in this version only.
        file: what says it, in the folder of a group.
        of_a_process: what a process outside of any group counts.
    """

    hierarchy: str
    mark: str
    file: str
    of_a_process: int


_CGROUPS = Path("/sys/fs/cgroup")
_SHARES = [
    _Share("cpu", "cgroup.procs", "cpu.shares", 1024),
    _Share("", "cgroup.controllers", "cpu.weight", 100),
]
_BUSY_PROCESSES = 4
"""All containers together count as so many beside other tests, and not as one: nginx, a web and an application server,
and the database."""
_GONE_SECONDS_MAX = 10.0


class Engine(Server):
    """One engine. It keeps nothing when it is closed."""

    # Nothing in there is kept, so nothing is asked to end in good order.
    stop_signal = signal.SIGKILL

    def __init__(self) -> None:
        # The path of a socket must be short.
        super().__init__("engine", Path(tempfile.mkdtemp(prefix="shillings-engine-")))
        self._client = self._choose_client()

    def command(self) -> list[str]:
        """See `Server`."""
        arguments = [str(self.directory), self.directory.name]
        return [find_program("unshare"), *_NAMESPACES, "sh", "-euc", _START, "engine", *arguments]

    def environment(self) -> Mapping[str, str]:
        """See `Server`."""
        return self.client_environ()

    def prepare(self) -> None:
        """See `Server`. Give the containers a share of the processors, before there are any."""
        for share in _SHARES:
            file = _CGROUPS / share.hierarchy / self.directory.name / share.file
            if (_CGROUPS / share.hierarchy / share.mark).exists():
                # Where it may not be made, or has no such file, they have to do with less.
                with contextlib.suppress(OSError):
                    file.parent.mkdir()
                    file.write_text(str(_BUSY_PROCESSES * share.of_a_process))

    def client_environ(self, **variables: str) -> dict[str, str]:
        """The environment in which `docker` and `docker compose` are this engine's, whatever this machine has."""
        own = {
            "PATH": os.pathsep.join((str(self._client), os.environ["PATH"], "/usr/sbin", "/sbin")),
            "DOCKER_HOST": f"unix://{self.directory}/docker.sock",
            "DOCKER_CONFIG": str(self._client),
            # The builder that Compose uses, so that what one has built the other need not.
            "DOCKER_BUILDKIT": "1",
            "BUILDKIT_PROGRESS": "plain",
        }
        return clean_environ(own | variables)

    def answers(self) -> bool:
        """See `Server`."""
        return subprocess.run(
            ["docker", "version"], env=self.client_environ(), capture_output=True, check=False, timeout=10
        ).returncode == 0  # fmt: skip

    def docker(self, *arguments: str, seconds: float = COMMAND_SECONDS_MAX) -> str:
        """What a `docker` command prints. Raises AssertionError when it fails."""
        return said(["docker", *arguments], env=self.client_environ(), seconds=seconds)

    def logs(self, container: str) -> str:
        """All that a container has written."""
        return said(["docker", "logs", container], env=self.client_environ(), stderr=subprocess.STDOUT)

    @property
    def first_process(self) -> int:
        """The number of the process that is 1 in there."""
        [child] = psutil.Process(self.pid).children()
        return child.pid

    def send_signal(self, name: str, *processes: int) -> None:
        """Send a signal to processes, by the numbers which they have in there. Those that have ended are left out."""
        command = [find_program("nsenter"), "--target", str(self.first_process), "--pid", "kill", f"-{name}"]
        command += map(str, processes)
        # `kill` goes on after one that is no more, and a health check's processes come and go.
        result = subprocess.run(command, env={"LC_ALL": "C"}, capture_output=True, text=True, check=False)
        others = [line for line in result.stderr.splitlines() if not line.endswith("No such process")]
        assert not others, f"{' '.join(command)}\n{result.stderr}"

    def close(self) -> None:
        """End it with everything that runs in it, and remove what it kept."""
        super().close()
        shutil.rmtree(self.directory)
        # The kernel is still ending what ran in there.
        wait_until(
            self._groups_are_gone, seconds=_GONE_SECONDS_MAX, what="its control groups to be empty", interval=0.1
        )

    def _groups_are_gone(self) -> bool:
        """Remove the engine's control groups, of every hierarchy. False if processes are still in one."""
        for top in _CGROUPS.glob(f"**/{self.directory.name}"):
            for folder, _, _ in os.walk(top, topdown=False):
                with contextlib.suppress(OSError):
                    Path(folder).rmdir()
        return not any(_CGROUPS.glob(f"**/{self.directory.name}"))

    def _choose_client(self) -> Path:
        """A folder with the `docker` that belongs to the engine, and Compose as its plugin."""
        folder = self.directory / "client"
        (folder / "cli-plugins").mkdir(parents=True)
        # Before /usr/local, where machines keep other versions.
        beside = Path(find_program("dockerd")).parents[1] / "bin" / "docker"
        (folder / "docker").symlink_to(beside if beside.exists() else find_program("docker"))
        compose = unpacked("docker-compose", "trixie") / "usr/libexec/docker/cli-plugins/docker-compose"
        (folder / "cli-plugins" / "docker-compose").symlink_to(compose)
        return folder


def said(
    command: list[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stderr: int = subprocess.PIPE,
    seconds: float = COMMAND_SECONDS_MAX,
) -> str:
    """What a command prints. Raises AssertionError, with all it said, when it fails."""
    result = subprocess.run(
        command, env=env, cwd=cwd, stdout=subprocess.PIPE, stderr=stderr, text=True, timeout=seconds, check=False
    )
    assert result.returncode == 0, f"{' '.join(command)}\n{result.stdout}\n{result.stderr}"
    return result.stdout
