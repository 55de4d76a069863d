"""A Galera cluster of MariaDB servers on one machine.

All nodes begin with the same data: a copy of a template that was a cluster of one for a moment. So a new node has
nothing to fetch but the cluster's latest changes of membership, and three nodes are ready in seconds.
"""

import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import pymysql

from deploy.local.mariadb import MariaDB
from deploy.local.ports import free_port
from deploy.local.programs import find_galera_library
from deploy.local.template import copy_template

# Whom nodes run as when root starts them. State transfers go through rsync, which lets root's data be written by
# nobody; so nodes run as the account that MariaDB's package made.
_ACCOUNT = "mysql"


class GaleraNode(MariaDB):
    """One node. `kill` and `start` make it leave, come back and catch up.

    Args:
        directory: its own directory.
        name: its name in the cluster.
        options: further options of mariadbd.
    """

    start_seconds_max = 60.0

    def __init__(self, directory: Path, *, name: str, options: Mapping[str, str] | None = None) -> None:
        super().__init__(directory, name=name, buffer_pool_mb=32, redo_log_mb=16, options=options)
        self.user = _ACCOUNT if os.geteuid() == 0 else ""
        self.group_port = free_port()
        self._transfer_ports = (free_port(), free_port())
        self._members: list[str] = []
        self._is_first = False

    @property
    def group_address(self) -> str:
        """Where the other nodes reach it."""
        return f"127.0.0.1:{self.group_port}"

    def join(self, members: list[str], *, is_first: bool = False) -> None:
        """Say which cluster it belongs to, and whether its next start founds that cluster."""
        self._members = members
        self._is_first = is_first

    def command(self) -> list[str]:
        """See `Server`."""
        incremental, full = self._transfer_ports
        provider = {
            "gmcast.listen_addr": f"tcp://{self.group_address}",
            "ist.recv_addr": f"127.0.0.1:{incremental}",
            "gcache.size": "16M",
            # A node that falls silent is given up after 2 s, not 5; one that comes back is let in after 5 s, not 15.
            "evs.keepalive_period": "PT0.5S",
            "evs.suspect_timeout": "PT2S",
            "evs.inactive_timeout": "PT5S",
            "evs.install_timeout": "PT5S",
        }
        return [
            *super().command(),
            "--binlog-format=ROW",
            "--innodb-autoinc-lock-mode=2",
            "--wsrep-on=ON",
            f"--wsrep-provider={find_galera_library()}",
            f"--wsrep-provider-options={';'.join(f'{name}={value}' for name, value in provider.items())}",
            "--wsrep-cluster-name=shillings",
            f"--wsrep-cluster-address=gcomm://{','.join(self._members)}",
            f"--wsrep-node-name={self.name}",
            f"--wsrep-node-address={self.group_address}",
            "--wsrep-sst-method=rsync",
            f"--wsrep-sst-receive-address=127.0.0.1:{full}",
            # A read sees every write that was committed anywhere before it, as on a single server.
            "--wsrep-sync-wait=1",
            *self._where_it_was(),
            *(["--wsrep-new-cluster"] if self._is_first else []),
        ]

    def prepare(self) -> None:
        """See `Server`."""
        if not self.data_directory.exists():
            copy_template(self.data_directory, "galera", _make_template)
        self._give_to_account()

    def launch(self) -> None:
        """See `Server`. The cluster is founded once: when this node comes back, it joins the others."""
        super().launch()
        self._is_first = False

    def answers(self) -> bool:
        """Whether it is in step with its cluster and takes statements."""
        return self.status("wsrep_local_state_comment") == "Synced" and self.status("wsrep_ready") == "ON"

    def status(self, name: str) -> str:
        """One of the server's status values, such as `wsrep_cluster_size`; empty when it does not answer."""
        try:
            with self.connect(connect_timeout=1, read_timeout=2) as connection, connection.cursor() as cursor:
                cursor.execute("SHOW GLOBAL STATUS WHERE Variable_name = %s", (name,))
                row = cursor.fetchone()
        except (pymysql.MySQLError, OSError):
            return ""
        return str(row[1]) if row else ""

    def _where_it_was(self) -> list[str]:
        """The last change it had applied. A node that was killed has not written it down, so InnoDB is asked."""
        state = (self.data_directory / "grastate.dat").read_text()
        if not re.search(r"seqno:\s+-1", state):
            return []
        found = re.search(r"Recovered position: ?(\S+)", self._recover())
        return [f"--wsrep-start-position={found[1]}"] if found else []

    def _recover(self) -> str:
        """What the server says about its position, in a run that does nothing else."""
        result = subprocess.run(
            [*MariaDB.command(self), "--wsrep-recover", "--log-error="],
            user=self.user or None,
            group=self.user or None,
            cwd=self.directory,
            capture_output=True,
            text=True,
            check=False,
            timeout=self.start_seconds_max,
        )
        return result.stdout + result.stderr

    def _give_to_account(self) -> None:
        if self.user:
            account = pwd.getpwnam(self.user)
            for path in (self.directory, *self.directory.rglob("*")):
                os.chown(path, account.pw_uid, account.pw_gid)


class Galera:
    """A cluster of nodes, each of which takes reads and writes.

    Args:
        directory: where the nodes' directories go; a new temporary one, removed at the end, if None. When root
            starts it, other accounts must be able to reach this directory.
        size: how many nodes.
        options: further options of mariadbd, for every node.
    """

    def __init__(
        self, directory: Path | None = None, *, size: int = 3, options: Mapping[str, str] | None = None
    ) -> None:
        self._temporary: Path | None = None
        if directory is None:
            directory = self._temporary = Path(tempfile.mkdtemp(prefix="shillings-galera-"))
            directory.chmod(0o755)
        self.nodes = [
            GaleraNode(directory / f"node{number}", name=f"node{number}", options=options)
            for number in range(1, size + 1)
        ]

    @property
    def urls(self) -> list[str]:
        """How Shillings is told of the database on each node."""
        return [node.url for node in self.nodes]

    @property
    def size(self) -> int:
        """How many nodes the cluster has now, as far as those that answer know; 0 if they do not agree."""
        sizes = {node.status("wsrep_cluster_size") for node in self.nodes if node.alive}
        return int(sizes.pop() or 0) if len(sizes) == 1 else 0

    def start(self) -> Self:
        """Found the cluster with the first node and let the others join. Raises ServerFailed."""
        members = [node.group_address for node in self.nodes]
        first, *others = self.nodes
        first.join(members, is_first=True)
        first.start()
        # One after the other: a node that brings another up to date cannot serve a second one meanwhile.
        for node in others:
            node.join(members)
            node.start()
        return self

    def close(self) -> None:
        """Stop every node."""
        for node in reversed(self.nodes):
            node.close()
        if self._temporary is not None:
            shutil.rmtree(self._temporary)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _make_template(target: Path) -> None:
    """Found a cluster of one on a plain data directory, so that the directory names a position in its history."""
    with tempfile.TemporaryDirectory(prefix="shillings-galera-") as scratch:
        Path(scratch).chmod(0o755)
        node = GaleraNode(Path(scratch) / "node", name="template")
        copy_template(node.data_directory)
        # A plain directory has no position yet; this says that the node may found a cluster.
        (node.data_directory / "grastate.dat").write_text("# GALERA saved state\nversion: 2.1\nsafe_to_bootstrap: 1\n")
        node.join([], is_first=True)
        node.start()
        with node.connect() as connection, connection.cursor() as cursor:
            # Something must be committed for InnoDB to remember a position.
            cursor.execute("CREATE DATABASE position")
            cursor.execute("DROP DATABASE position")
        node.close()
        for name in ("galera.cache", "gvwstate.dat"):
            (node.data_directory / name).unlink(missing_ok=True)
        shutil.copytree(node.data_directory, target)
