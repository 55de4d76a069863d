"""The stack of compose.yaml in an engine of the tests' own, driven by the README's commands, and users who pay."""

import json
import operator
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from deploy.local.server import Server
from deploy.local.waiting import wait_until
from shillings.audit.auditor import Audit, Auditor
from shillings.testing.ports import free_port
from tests.containers.engine import Engine, said
from tests.containers.stand_ins import image_variables
from tests.pages import ROOT
from tests.production.production_stack import Paying

COMPOSE = ["docker", "compose", "--file", "deploy/compose.yaml"]
READY_SECONDS_MAX = 90.0
BACK_SECONDS_MAX = 60.0
APPS = ["app-1-1", "app-2-1"]
WEBS = [f"web-{number}" for number in range(1, 6)]
EVERY = ["nginx-1", *WEBS, *APPS, "webhooks-1", "mariadb-1", "redis-1"]
ONE_OF_EACH = [name for name in EVERY if name not in WEBS[1:]]
"""Every container but those that are like another."""
_OURS = "label=com.docker.compose.project=shillings"
# What `make` and the image need of the project.
_PARTS = [
    "Makefile",
    "README.md",
    "LICENSE",
    "pyproject.toml",
    "requirements-production.lock",
    ".dockerignore",
    "src",
    "deploy",
]


class Relay(Server):
    """A port of this machine's loopback interface that leads to an address inside the engine."""

    def __init__(self, folder: Path, engine: Engine, host: str, port_there: int) -> None:
        super().__init__("relay", folder)
        self.port = free_port()
        self._there = [str(engine.first_process), host, str(port_there)]

    def command(self) -> list[str]:
        """See `Server`."""
        program = Path(__file__).with_name("relay.py")
        return [sys.executable, str(program), str(self.port), *self._there]

    def answers(self) -> bool:
        """See `Server`."""
        return "listening" in self.log_tail()


class Project:
    """A copy of the project whose `make` starts containers in an engine of the tests' own.

    Args:
        engine: a running one, with the stand-ins in it.
        folder: where the copy is put.
    """

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.folder = folder
        self.profile = ""
        folder.mkdir(parents=True)
        for part in _PARTS:
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__", ".env"))
            else:
                shutil.copy(source, folder)

    @property
    def environ(self) -> dict[str, str]:
        """That of its commands. Webhooks may go to the engine's own networks, where tests listen."""
        return self.engine.client_environ(
            **image_variables(),
            WEBHOOK_ALLOW="172.16.0.0/12,192.168.0.0/16",
            HEALTH_INTERVAL="2s",
            GALERA_COPY_METHOD="rsync",
            COMPOSE_PROFILES=self.profile,
        )

    def run(self, *command: str) -> str:
        """What a command prints there. Raises AssertionError when it fails."""
        return said(list(command), cwd=self.folder, env=self.environ)

    @contextmanager
    def in_foreground(self, *command: str) -> Iterator[None]:
        """A command that stays, as in a terminal. Leaving the block presses Ctrl-C and waits until it has ended."""
        with (self.folder / "foreground.log").open("w") as log:
            process = subprocess.Popen(
                command, cwd=self.folder, env=self.environ, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
            try:
                yield
                assert process.poll() is None
            finally:
                os.killpg(process.pid, signal.SIGINT)
                process.wait(60)

    def secrets(self) -> dict[str, str]:
        """What `make` wrote into deploy/.env that nobody else may know."""
        text = (self.folder / "deploy" / ".env").read_text()
        found = re.findall(r"^(\w+(?:KEYS?|PASSWORD))=(.+)$", text, re.MULTILINE)
        assert len(found) == 5
        return dict(found)

    def running(self) -> set[str]:
        """The names of the containers of the stack that run."""
        names = self.engine.docker("ps", "--format", "{{.Names}}", "--filter", _OURS).split()
        return {name.removeprefix("shillings-") for name in names}

    def containers(self, *, every: bool = False) -> dict[str, dict[str, Any]]:
        """What the engine knows of each container of the stack that runs, or of every one, by its name there."""
        options = ["--all"] if every else []
        ids = self.engine.docker("ps", "--quiet", "--filter", _OURS, *options).split()
        known = json.loads(self.engine.docker("inspect", *ids)) if ids else []
        return {one["Name"].removeprefix("/shillings-"): one for one in known}


@dataclass(kw_only=True)
class Stack(Paying):
    """The stack, running.

    Args:
        project: starts and stops it.
        entrance: where it is reached.
    """

    project: Project
    entrance: Relay

    @property
    def url(self) -> str:
        """Where clients send their requests."""
        return f"http://127.0.0.1:{self.entrance.port}"

    def audit(self) -> Audit:
        """See `Paying`. The database is reached inside the engine only, at an address that each start may change."""
        known = self.project.containers()
        networks = known.get("haproxy-1", known.get("mariadb-1", {}))["NetworkSettings"]["Networks"]
        password = self.project.secrets()["MARIADB_PASSWORD"]
        folder = self.project.folder / "audit"
        with Relay(folder, self.project.engine, networks["shillings_storage"]["IPAddress"], 3306) as relay:
            url = f"mysql+pymysql://shillings:{password}@127.0.0.1:{relay.port}/shillings?charset=utf8mb4"
            with Auditor(url) as auditor:
                return auditor.audit(self.payers.told.acknowledged)

    def processes(self, *, but: tuple[str, ...] = ()) -> dict[str, object]:
        """See `Paying`: since when each container has been running."""
        known = self.project.containers()
        return {name: one["State"]["StartedAt"] for name, one in known.items() if name not in but}

    def health(self) -> dict[str, str]:
        """What the health check of each container says."""
        return {name: one["State"]["Health"]["Status"] for name, one in self.project.containers().items()}

    def inside(self, container: str, *command: str) -> str:
        """What a command prints that is run in a container. Raises AssertionError when it fails."""
        return self.project.engine.docker("exec", f"shillings-{container}", *command)

    def send_signal(self, name: str, containers: Iterable[str]) -> None:
        """Send a signal to all processes of some containers, from outside, as the kernel does or an operator."""
        engine = self.project.engine
        lists = [engine.docker("top", f"shillings-{one}", "-o", "pid").split()[1:] for one in containers]
        engine.send_signal(name, *(int(process) for processes in lists for process in processes))

    def crash(self, *containers: str) -> None:
        """Kill containers' first processes, and with them all others, and return when they have been started again.

        Unlike with `docker kill`, nobody has wanted this.
        """
        engine = self.project.engine

        def asked(field: str) -> list[str]:
            names = [f"shillings-{name}" for name in containers]
            return engine.docker("inspect", "--format", f"{{{{.State.{field}}}}}", *names).split()

        before = asked("StartedAt")
        engine.send_signal("KILL", *map(int, asked("Pid")))
        wait_until(
            lambda: all(map(operator.ne, before, asked("StartedAt"))),
            seconds=BACK_SECONDS_MAX, what=f"{containers} to be started again", interval=0.1,
        )  # fmt: skip

    def wait_until_ready(self) -> None:
        """Return when the entrance says that everything behind it answers."""
        wait_until(self._is_ready, seconds=READY_SECONDS_MAX, what="/readyz to say 200", interval=0.1)

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False
