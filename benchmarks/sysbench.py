"""The bare database: payments made by sysbench, without HTTP and without Shillings."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from deploy.local.database_server import PASSWORD, USER
from deploy.local.mariadb import MariaDB
from deploy.local.programs import find_program
from shillings.load.histogram import Histogram

_SCRIPT = Path(__file__).with_name("payments.lua")
_EVENTS = re.compile(r"total number of events:\s+(\d+)")
_SECONDS = re.compile(r"total time:\s+([\d.]+)s")
_BAR = re.compile(r"^\s*([\d.]+) \|[* ]+ (\d+)$", re.MULTILINE)


class SysbenchFailed(Exception):
    """sysbench did not finish; the message has what it said."""


@dataclass(frozen=True)
class Payments:
    """What sysbench measured."""

    count: int
    seconds: float
    latencies: Histogram


class Sysbench:
    """Runs the script on one database.

    Args:
        mariadb: the server.
        database: the name of a database with Shillings' schema and numbered users.
        users: how many.
    """

    def __init__(self, mariadb: MariaDB, database: str, users: int) -> None:
        self._mariadb = mariadb
        self._database = database
        self._users = users
        self._runs = 0

    def pay(self, connections: int, seconds: float) -> Payments:
        """Make as many payments as the connections can, for this long.

        Raises:
            SysbenchFailed: a payment failed.
        """
        self._runs += 1
        command = [
            *(find_program("sysbench"), str(_SCRIPT), "--db-driver=mysql"),
            # The socket: a little faster than TCP, which Shillings uses.
            f"--mysql-socket={self._mariadb.socket_path}",
            *(f"--mysql-user={USER}", f"--mysql-password={PASSWORD}", f"--mysql-db={self._database}"),
            *("--mysql-ignore-errors=none", "--histogram=on", "--rand-seed=0"),
            *(f"--users={self._users}", f"--run={self._runs}"),
            *(f"--threads={connections}", f"--time={max(1, round(seconds))}", "--events=0"),
            "run",
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 60)
        if done.returncode != 0:
            raise SysbenchFailed(f"{done.stdout}\n{done.stderr}")
        return read_report(done.stdout)


def read_report(text: str) -> Payments:
    """What sysbench's report says.

    Raises:
        SysbenchFailed: it is no report.
    """
    events, seconds = _EVENTS.search(text), _SECONDS.search(text)
    if events is None or seconds is None:
        raise SysbenchFailed(f"no report: {text}")
    latencies = Histogram()
    for milliseconds, count in _BAR.findall(text):
        latencies.add(round(float(milliseconds) * 1000), int(count))
    return Payments(int(events[1]), float(seconds[1]), latencies)
