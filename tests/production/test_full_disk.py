"""A database whose disk is full: payments are refused as not applied, and go on when there is room again.

On MySQL. MariaDB 10.11 ends itself in the middle of the rollback (an assertion of InnoDB's), so there a full disk is a
killed database, which `test_database_servers.py` has.
"""

import errno
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

from deploy.local.mysql import MySQL
from deploy.local.programs import find_program
from deploy.local.topology import Topology
from deploy.local.waiting import wait_until
from tests.production.production_stack import PayingStack, settle
from tests.programs import leave_out, require_mysql, require_programs

# Mounts a small disk of memory that only this process sees, puts the data on it, and becomes the server.
MOUNT = """
set -e
mkdir -p "$1.disk"
mount -t tmpfs -o size=320m shillings "$1.disk"
cp -a "$1/." "$1.disk"
mount --bind "$1.disk" "$1"
shift
exec "$@"
"""


class OnSmallDisk(MySQL):
    """A MySQL whose data are on a disk of their own. They are gone when it ends."""

    def command(self) -> list[str]:
        """See `Server`."""
        mount = [find_program("unshare"), "--mount", find_program("sh"), "-c", MOUNT, "sh", str(self.data_directory)]
        return [*mount, *super().command()]

    @property
    def filler(self) -> Path:
        """A file on that disk, as this process sees it."""
        return Path(f"/proc/{self.pid}/root{self.data_directory}/filler")

    def fill(self) -> None:
        """Leave no byte free."""
        with self.filler.open("wb", buffering=0) as filler:
            for size in (1 << 20, 4096, 1):
                _write_until_refused(filler, bytes(size))


def _write_until_refused(file: IO[bytes], piece: bytes) -> None:
    while True:
        try:
            file.write(piece)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            return


@dataclass(kw_only=True)
class Cramped(PayingStack):
    """A stack whose database has a small disk."""

    database: OnSmallDisk


def require_mounts() -> None:
    """Skip the test where nobody may mount anything; fail it in CI."""
    command = [find_program("unshare"), "--mount", find_program("true")]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        leave_out("a disk of memory cannot be mounted: not root")


@pytest.fixture
def cramped(tmp_path: Path) -> Iterator[Cramped]:
    """One web and one application server on a MySQL with little room, and users who pay."""
    require_programs("redis-server", "unshare")
    require_mounts()
    require_mysql()
    with (
        OnSmallDisk(tmp_path / "database", redo_log_mb=32) as database,
        Topology(tmp_path / "stack", web=1, app=1, nginx=False, database=database) as topology,
    ):
        payers = settle(topology.webs[0].port, topology.settings["JWT_KEYS"], "user")
        yield Cramped(payers=payers, database_url=database.url, topology=topology, database=database)


def test_full_disk(cramped: Cramped) -> None:
    """What the database has no room for is 503, not applied; nothing else breaks, and room is all it takes."""
    not_done = cramped.payers.told.not_done

    def fill_up() -> None:
        before = not_done["unavailable"]
        cramped.database.fill()
        try:
            wait_until(lambda: not_done["unavailable"] > before + 50, seconds=30, what="refusals")
        finally:
            cramped.database.filler.unlink()

    assert cramped.pay_through(f"{cramped.database.name}: full disk", fill_up).total() == 0
