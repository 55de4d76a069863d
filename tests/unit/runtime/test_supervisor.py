"""The supervisor: a child that dies comes back, one that cannot start ends all, and none outlives the parent."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from deploy.local.waiting import wait_until

PROGRAM = """
import os, signal, sys, time
from pathlib import Path
from shillings.base.errors import SettingsError
from shillings.runtime.supervisor import Child, Supervisor

folder = Path(sys.argv[1])
sockets = folder / "sockets"
sockets.mkdir()

def be(name):
    def stop(number, frame):
        with open(folder / "stopped", "a") as file:
            file.write(name + "\\n")
        sys.exit(0)
    signal.signal(signal.SIGTERM, stop)
    path = folder / f"{name}.{os.getpid()}"
    path.touch()
    # Read at the start of each life: what this child is to do with it.
    order = folder / f"{name}.order"
    if order.exists():
        exec(order.read_text())
    # In short pieces: a signal that comes just before a long one begins would be heard only after it.
    while True:
        time.sleep(0.05)

children = [Child("app", lambda: be("app"), stage=0), Child("web", lambda: be("web"), stage=1)]
supervisor = Supervisor(children, sockets)
supervisor.start()
sys.exit(supervisor.run())
"""


class Parent:
    """A supervisor in a process of its own, with two children, `app` and `web`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._errors = (folder / "errors").open("w+")
        self.process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(folder)], stderr=self._errors)

    def lives(self, name: str) -> list[int]:
        """The process ids of every life a child has had."""
        return [int(path.suffix[1:]) for path in self.folder.glob(f"{name}.[0-9]*")]

    def wait_for_lives(self, name: str, count: int) -> list[int]:
        """Return when a child has been started so many times. Raises TimeoutError."""
        wait_until(lambda: len(self.lives(name)) >= count, seconds=10, what=f"{count} lives of {name}")
        return self.lives(name)

    @property
    def errors(self) -> str:
        """What it said."""
        return (self.folder / "errors").read_text()

    def stopped(self) -> list[str]:
        """The children that were told to stop, in order."""
        path = self.folder / "stopped"
        return path.read_text().split() if path.exists() else []

    def all_gone(self) -> bool:
        """Whether no child of any life runs."""
        return not any(_runs(pid) for name in ("app", "web") for pid in self.lives(name))

    def close(self) -> None:
        """Leave nothing behind."""
        self.process.kill()
        self.process.wait()
        for pid in (pid for name in ("app", "web") for pid in self.lives(name) if _runs(pid)):
            os.kill(pid, signal.SIGKILL)
        self._errors.close()


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextmanager
def supervised(folder: Path, **orders: str) -> Iterator[Parent]:
    """A supervisor whose children have these orders."""
    for name, order in orders.items():
        (folder / f"{name}.order").write_text(order)
    parent = Parent(folder)
    try:
        yield parent
    finally:
        parent.close()


def test_dead_child_is_started_again(tmp_path: Path) -> None:
    """A child that was killed comes back at once, and the other one does not notice."""
    with supervised(tmp_path) as parent:
        [app], [web] = parent.wait_for_lives("app", 1), parent.wait_for_lives("web", 1)
        os.kill(web, signal.SIGKILL)
        assert len(parent.wait_for_lives("web", 2)) == 2

        assert parent.lives("app") == [app]
        assert _runs(app)
        assert "web ended (-9); starting it again" in parent.errors


def test_crashing_child_comes_back_more_slowly(tmp_path: Path) -> None:
    """A child that raises is started again, with growing pauses, and its traceback is shown."""
    with supervised(tmp_path, web="raise RuntimeError('so it is')") as parent:
        parent.wait_for_lives("web", 3)

        assert "RuntimeError: so it is" in parent.errors
        assert parent.process.poll() is None
        assert len(parent.lives("app")) == 1


def test_child_that_cannot_start_ends_all(tmp_path: Path) -> None:
    """A wrong setting is not tried again: everyone stops, and the exit code says so."""
    with supervised(tmp_path, web="raise SettingsError('the port is taken')") as parent:
        assert parent.process.wait(10) == 2

        assert parent.all_gone()
        assert "shillings: the port is taken" in parent.errors
        assert len(parent.lives("web")) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_goes_from_the_highest_stage_down(tmp_path: Path, number: signal.Signals) -> None:
    """Told to stop, it stops what takes requests in before what answers them, and exits with 0."""
    with supervised(tmp_path) as parent:
        parent.wait_for_lives("app", 1)
        parent.wait_for_lives("web", 1)
        parent.process.send_signal(number)

        assert parent.process.wait(10) == 0
        assert parent.stopped() == ["web", "app"]
        assert parent.all_gone()


def test_killed_parent_leaves_nothing_behind(tmp_path: Path) -> None:
    """A parent that is killed with -9 ends the children too, each in its own good order; they tidy up."""
    with supervised(tmp_path) as parent:
        parent.wait_for_lives("app", 1)
        parent.wait_for_lives("web", 1)
        parent.process.kill()
        parent.process.wait()
        wait_until(parent.all_gone, seconds=10, what="the children to be gone")

        assert sorted(parent.stopped()) == ["app", "web"]
        assert not (tmp_path / "sockets").exists()
