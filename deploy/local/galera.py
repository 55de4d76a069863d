"""A Galera cluster of MariaDB servers on one machine, and the address in front of it.

All nodes begin with the same data: a copy of a template that was a cluster of one for a moment. So a new node has
nothing to fetch but the cluster's latest changes of membership, and three nodes are ready in seconds.
"""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pymysql
from pymysql.cursors import Cursor

from deploy.local.database_server import ADMIN, PASSWORD
from deploy.local.haproxy import HAProxy
from deploy.local.mariadb import ACCOUNTS, MariaDB, copy_mariadb, mariadb_version
from deploy.local.programs import find_galera_library, find_program
from deploy.local.server import Server
from deploy.local.template import copy_template
from shillings.testing.ports import free_port

# As whom HAProxy asks nodes how they are. It has no password, as its login is a fixed text, and no right.
_CHECKER = "CREATE USER 'haproxy'@'%' WITH MAX_USER_CONNECTIONS 10"


class GaleraNode(MariaDB):
    """One node. `kill` and `start` make it leave, come back and catch up.

    Args:
        directory: its own directory.
        name: its name in the cluster.
        buffer_pool_mb: memory for data pages.
        password: of the application's account and the administrator's; the same on every node.
        options: further options of mariadbd.
    """

    start_seconds_max = 60.0
    # One that is back before the others have given it up keeps them from agreeing that they are a cluster without it.
    rest_seconds = 5.0

    def __init__(
        self,
        directory: Path,
        *,
        name: str,
        buffer_pool_mb: int = 32,
        password: str = PASSWORD,
        options: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(
            directory, name=name, buffer_pool_mb=buffer_pool_mb, redo_log_mb=32, password=password, options=options
        )
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
        return [*self._program(), *self._where_it_was(), *(["--wsrep-new-cluster"] if self._is_first else [])]

    def _program(self) -> list[str]:
        return [find_program("mariadbd"), f"--defaults-file={self._options_path}"]

    def _node_options(self) -> list[str]:
        incremental, full = self._transfer_ports
        provider = {
            "gmcast.listen_addr": f"tcp://{self.group_address}",
            "ist.recv_addr": f"127.0.0.1:{incremental}",
            # What a node that was down can be told without a copy of everything.
            "gcache.size": "64M",
            # A node that falls silent is given up after 2 s, not 5; one that comes back is let in after 5 s, not 15.
            "evs.keepalive_period": "PT0.5S",
            "evs.suspect_timeout": "PT2S",
            "evs.inactive_timeout": "PT5S",
            "evs.install_timeout": "PT5S",
        }
        return [
            "--binlog-format=ROW",
            "--innodb-autoinc-lock-mode=2",
            "--wsrep-on=ON",
            f"--wsrep-provider={find_galera_library()}",
            f"--wsrep-provider-options={';'.join(f'{name}={value}' for name, value in provider.items())}",
            "--wsrep-cluster-name=shillings",
            f"--wsrep-cluster-address=gcomm://{','.join(self._members)}",
            f"--wsrep-node-name={self.name}",
            f"--wsrep-node-address={self.group_address}",
            # It copies a donor without stopping it, and does not mind being run by root, as rsync would.
            "--wsrep-sst-method=mariabackup",
            f"--wsrep-sst-auth={ADMIN}:{self.password}",
            f"--wsrep-sst-receive-address=127.0.0.1:{full}",
            # A read sees every write that was committed anywhere before it, as on a single server.
            "--wsrep-sync-wait=1",
        ]

    def prepare(self) -> None:
        """See `Server`. All options are in a file: the programs that copy a node read it too, and nobody else."""
        super().prepare()
        _, _, *options = super().command()
        lines = [option.removeprefix("--") for option in (*options, *self._node_options())]
        self._options_path.touch(mode=0o600)
        self._options_path.write_text("\n".join(["[mysqld]", *lines, ""]))
        if self._is_first:
            self._let_it_found()

    def _make_data_directory(self) -> None:
        """See `DatabaseServer`."""
        recipe = f"{mariadb_version()} {ACCOUNTS} {_CHECKER}"
        copy_template(self.data_directory, "mariadb-galera", recipe, _make_template)

    def _account_statements(self) -> list[str]:
        """See `DatabaseServer`. Each node does it for itself, before it is in its cluster."""
        statements = super()._account_statements()
        return ["SET SESSION wsrep_on = OFF", *statements] if statements else []

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

    def position(self) -> int:
        """How far it had come when it ended: the number of the last change it had applied, -1 if it has no data."""
        if not self.data_directory.exists():
            return -1
        found = re.search(r"seqno:\s+(\d+)", self._state_path.read_text())
        if found is None:
            found = re.search(r"Recovered position: ?[^:\s]+:(\d+)", self._recover())
        return int(found[1]) if found else -1

    def _where_it_was(self) -> list[str]:
        """The last change it had applied. A node that was killed has not written it down, so InnoDB is asked."""
        if not self._state_path.exists() or not re.search(r"seqno:\s+-1", self._state_path.read_text()):
            return []
        found = re.search(r"Recovered position: ?(\S+)", self._recover())
        return [f"--wsrep-start-position={found[1]}"] if found else []

    def _let_it_found(self) -> None:
        """Only a node that left last may found the cluster again, unless somebody who has looked says so."""
        state = self._state_path.read_text()
        self._state_path.write_text(state.replace("safe_to_bootstrap: 0", "safe_to_bootstrap: 1"))

    @property
    def _state_path(self) -> Path:
        return self.data_directory / "grastate.dat"

    @property
    def _options_path(self) -> Path:
        return self.directory / "node.cnf"

    def _recover(self) -> str:
        """What the server says about its position, in a run that does nothing else."""
        result = subprocess.run(
            [*self._program(), "--wsrep-recover"],
            cwd=self.directory,
            capture_output=True,
            text=True,
            check=False,
            timeout=self.start_seconds_max,
        )
        return result.stdout + result.stderr


class Galera:
    """A cluster of nodes, each of which takes reads and writes.

    Args:
        directory: where the nodes' directories go; a new temporary one, removed at the end, if None. Starting again in
            the same directory finds the same data.
        size: how many nodes.
        buffer_pool_mb: each node's memory for data pages.
        password: of the application's account and the administrator's.
        options: further options of mariadbd, for every node.
    """

    def __init__(
        self,
        directory: Path | None = None,
        *,
        size: int = 3,
        buffer_pool_mb: int = 32,
        password: str = PASSWORD,
        options: Mapping[str, str] | None = None,
    ) -> None:
        self._temporary: Path | None = None
        if directory is None:
            directory = self._temporary = Path(tempfile.mkdtemp(prefix="shillings-galera-"))
        self.directory = directory
        self.nodes = [
            GaleraNode(
                directory / f"node{number}",
                name=f"node{number}",
                buffer_pool_mb=buffer_pool_mb,
                password=password,
                options=options,
            )
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
        """Found the cluster with the node that knows most and let the others join. Raises ServerFailed."""
        members = [node.group_address for node in self.nodes]
        first = max(self.nodes, key=GaleraNode.position)
        first.join(members, is_first=True)
        first.start()
        # One after the other: a node that brings another up to date cannot serve a second one meanwhile.
        for node in self.nodes:
            if node is not first:
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


class Cluster:
    """A Galera cluster behind HAProxy, which sends everybody to one node: a `Database` that survives its writer.

    Args:
        directory: where each server has a directory of its own. Starting again in it finds the same data.
        buffer_pool_mb: each node's memory for data pages.
        password: of the application's account and the administrator's.
    """

    def __init__(self, directory: Path, *, buffer_pool_mb: int = 32, password: str = PASSWORD) -> None:
        self.galera = Galera(directory, buffer_pool_mb=buffer_pool_mb, password=password)
        self.haproxy = HAProxy(directory / "haproxy", [f"127.0.0.1:{node.port}" for node in self.galera.nodes])

    @property
    def url(self) -> str:
        """See `Database`."""
        first = self.galera.nodes[0]
        return first.url.replace(f":{first.port}/", f":{self.haproxy.port}/")

    @property
    def servers(self) -> list[Server]:
        """See `Database`."""
        return [*self.galera.nodes, self.haproxy]

    def start(self) -> Self:
        """See `Database`."""
        self.galera.start()
        self.haproxy.start()
        return self

    def connect(self, database: str | None = None, **options: Any) -> "pymysql.Connection[Cursor]":
        """See `Database`. It leads to the writer."""
        return self.galera.nodes[0].connect(database, **{"port": self.haproxy.port, **options})

    def writer(self) -> GaleraNode:
        """The node to which new connections lead now. Raises pymysql.OperationalError when there is none."""
        with self.connect() as connection, connection.cursor() as cursor:
            # It may say so before it is in step.
            cursor.execute("SET SESSION wsrep_sync_wait = 0")
            cursor.execute("SELECT @@port")
            [port] = cursor.fetchone() or (0,)
        return next(node for node in self.galera.nodes if node.port == port)


def _make_template(target: Path) -> None:
    """Found a cluster of one on a plain data directory, so that the directory names a position in its history."""
    with tempfile.TemporaryDirectory(prefix="shillings-galera-") as scratch:
        node = GaleraNode(Path(scratch) / "node", name="template")
        copy_mariadb(node.data_directory)
        # A plain directory has no position yet; this says that the node may found a cluster.
        (node.data_directory / "grastate.dat").write_text("# GALERA saved state\nversion: 2.1\nsafe_to_bootstrap: 1\n")
        node.join([], is_first=True)
        node.start()
        with node.connect() as connection, connection.cursor() as cursor:
            # Something must be committed for InnoDB to remember a position.
            cursor.execute(_CHECKER)
        node.close()
        for name in ("galera.cache", "gvwstate.dat"):
            (node.data_directory / name).unlink(missing_ok=True)
        shutil.copytree(node.data_directory, target)
