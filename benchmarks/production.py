"""Everything that a benchmark starts: the databases, the services, the echo, and the load generator."""

import secrets
import shutil
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.filling import PASSWORD, Filling, fill_sqlite
from benchmarks.population import EMAIL, JWT_KEY, make_tokens
from benchmarks.servers import EchoServer, SinkServer
from benchmarks.usage import Usage
from deploy.local.database_server import DatabaseServer
from deploy.local.mariadb import MariaDB
from deploy.local.mysql import MySQL
from deploy.local.redis import Redis
from deploy.local.server import Server
from deploy.local.shillings import PROGRAM, settings_environment
from deploy.local.topology import Topology
from shillings.audit.auditor import Auditor
from shillings.audit.checks import Depth
from shillings.load.jobs import Job, Phase, Result
from shillings.load.process import LoadGenerator
from shillings.load.traffic import Traffic
from shillings.testing.server import ShillingsServer

BUFFER_POOL_MB = 2048
REDO_LOG_MB = 2048
SESSIONS_MAX = 10_000
"""The most users that have a session; where there are more, the others are only paid."""

_DIRECTORY = Path("/var/tmp")
"""On a disk by custom, where /tmp may be memory: there, a commit costs nothing and the figures would be of nothing."""

_WARM_SECONDS = 1.5
_READS_A_SECOND = 5_000


class UnexpectedAnswers(Exception):
    """A service answered what it should not have; the message says what."""


@dataclass
class Target:
    """A service under load.

    Args:
        addresses: where it listens; connections are spread over them in turn.
        database_url: its ledger; empty if it has none.
        parts: the numbers of its processes, by part.
        users: how many users it has.
        metrics_urls: where its application processes tell what they count.
    """

    addresses: list[tuple[str, int]]
    database_url: str
    parts: dict[str, list[int]]
    users: int
    metrics_urls: list[str] = field(default_factory=list)


class Stage:
    """What a run has started; stops all of it when it is left as a context manager.

    Args:
        users: how many users each database has at first.
        buffer_pool_mb: memory for MariaDB's pages.
    """

    def __init__(self, users: int, buffer_pool_mb: int = BUFFER_POOL_MB) -> None:
        self.users = users
        self._buffer_pool_mb = buffer_pool_mb
        self._stack = ExitStack()
        self._tokens: list[str] = []
        self._acknowledged: defaultdict[str, list[bytes]] = defaultdict(list)
        self._usages: dict[int, Usage] = {}

    def __enter__(self) -> Self:
        try:
            parent = _DIRECTORY if _DIRECTORY.is_dir() else None
            self.directory = Path(tempfile.mkdtemp(prefix="shillings-bench-", dir=parent))
            self._stack.callback(shutil.rmtree, self.directory)
            self.mariadb = MariaDB(
                self.directory / "mariadb", buffer_pool_mb=self._buffer_pool_mb, redo_log_mb=REDO_LOG_MB
            )
            self._stack.enter_context(self.mariadb)
            self.redis = self._stack.enter_context(Redis(self.directory / "redis"))
            self.generator = self._stack.enter_context(LoadGenerator())
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def database(self, name: str, users: int, history: int = 0, *, server: DatabaseServer | None = None) -> str:
        """Make a database with users and history, on MariaDB or another server, and return its URL."""
        server = server or self.mariadb
        url = server.create_database(f"shillings_{name}")
        _migrate(url)
        with server.connect(f"shillings_{name}") as connection:
            for _ in Filling(connection, users, history).run():
                pass
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE TABLE users, credentials, transactions, entries")
        return url

    def service(
        self,
        database_url: str,
        users: int,
        *,
        web: int,
        app: int,
        server: DatabaseServer | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> tuple[Target, Target]:
        """Start Shillings on a database; return it as reached directly, and as reached through nginx."""
        server_part = {"MariaDB": [self.mariadb.pid]} if server is None else {"MySQL": [server.pid]}
        directory = self.directory / f"service-{secrets.token_hex(3)}"
        topology = self._stack.enter_context(
            Topology(
                directory,
                web=web,
                app=app,
                database=database_url,
                redis=self.redis,
                settings={"JWT_KEYS": JWT_KEY, **(settings or {})},
            )
        )
        parts = {
            "web": [server.pid for server in topology.webs],
            "app": [server.pid for server in topology.apps],
            "deliverer": [server.pid for server in topology.deliverers],
            **server_part,
            "Redis": [self.redis.pid],
        }
        metrics = [server.metrics_url for server in topology.apps]
        webs = [("127.0.0.1", server.port) for server in topology.webs]
        nginx = topology.nginx
        direct = Target(webs, database_url, parts, users, metrics)
        through = Target([(nginx.host, nginx.port)], database_url, {"nginx": [nginx.pid], **parts}, users, metrics)
        return direct, through

    def on_mysql(self, users: int, *, web: int, app: int) -> Target:
        """Start Shillings on a MySQL like the MariaDB, without TLS, as MariaDB has none. Raises MissingProgram."""
        server = MySQL(self.directory / "mysql", buffer_pool_mb=self._buffer_pool_mb, redo_log_mb=REDO_LOG_MB)
        self._stack.enter_context(server)
        url = self.database("mysql", users, server=server) + "&ssl_disabled=1"
        direct, _ = self.service(url, users, web=web, app=app, server=server)
        return direct

    def embedded(self, users: int, *, sandbox: bool = True) -> Target:
        """Start the embedded default on a database of its own; with its sandbox, where nothing is set, or without."""
        settings = {"SHILLINGS_JWT_KEYS": JWT_KEY, "SHILLINGS_SANDBOX": str(int(sandbox))}
        server = ShillingsServer(self.directory / ("embedded" if sandbox else "sandbox-off"), settings)
        _migrate(server.database_url)
        fill_sqlite(server.data_dir / "shillings.db", users)
        self._stack.enter_context(server)
        return Target([("127.0.0.1", server.port)], server.database_url, {"embedded": [server.pid]}, users)

    def echo(self, processes: int) -> Target:
        """Start the echo."""
        servers = [EchoServer(self.directory / f"echo{number}", f"echo{number}") for number in range(processes)]
        for server in servers:
            self._stack.enter_context(server)
        addresses = [("127.0.0.1", server.port) for server in servers]
        return Target(addresses, "", {"echo": _pids(servers)}, self.users)

    def sink(self) -> SinkServer:
        """Start what listens to webhooks."""
        server = SinkServer(self.directory / "sink", "sink")
        self._stack.enter_context(server)
        return server

    def usage(self, target: Target) -> Usage:
        """The processes of a target and the load generator's."""
        found = self._usages.get(id(target))
        if found is None:
            found = self._usages[id(target)] = Usage({**target.parts, "generator": [self.generator.pid]})
        return found

    def load(
        self,
        target: Target,
        kind: str,
        connections: int,
        phases: Sequence[Phase],
        *,
        receiver: int | None = None,
        transaction_ids: Sequence[str] = (),
        in_turn: bool = False,
        patience_seconds: float = 60.0,
        wants_timeline: bool = False,
    ) -> Result:
        """Put a load on a target, and remember what it acknowledged.

        Args:
            target: where.
            kind: what to ask; see `traffic.Traffic`.
            connections: how many clients there are.
            phases: one after the other.
            receiver: the number of the user whom everybody pays; anybody if None.
            transaction_ids: what is refunded, by its receiver, the first user.
            in_turn: whether users who read ask one after the other; else whoever comes is left to chance.
            patience_seconds: how long a request of an open loop waits for a free connection.
            wants_timeline: whether the result has one.

        Raises:
            LoadFailed: the load could not be generated.
        """
        traffic = Traffic(
            kind=kind,
            tokens=self._sessions(min(target.users, SESSIONS_MAX)),
            users=target.users,
            receiver=receiver,
            transaction_ids=list(transaction_ids),
            in_turn=in_turn,
            email=EMAIL,
            password=PASSWORD,
            acknowledges=bool(target.database_url) and kind in ("pay", "topup"),
        )
        result = self.generator.run(
            Job(
                addresses=target.addresses,
                connections=connections,
                traffic=traffic,
                seed=secrets.token_hex(8),
                phases=list(phases),
                patience_seconds=patience_seconds,
                wants_timeline=wants_timeline,
            )
        )
        if result.acknowledged:
            self._acknowledged[target.database_url].append(result.acknowledged)
        return result

    def warm_up(self, target: Target, seconds: float = _WARM_SECONDS) -> None:
        """Let a target meet its users, so that nothing measured is the first of its kind."""
        if target.database_url:
            enough = max(seconds, 2 * min(target.users, SESSIONS_MAX) / _READS_A_SECOND)
            self.load(target, "account", 64, [Phase(enough)], in_turn=True)
            self.load(target, "transactions", 16, [Phase(seconds / 3)])
        self.load(target, "pay", 64, [Phase(seconds)])

    def verify(self, database_url: str, depth: Depth = Depth.ACCOUNTS) -> int:
        """Audit a ledger. A rate is worth nothing if the payments are not there.

        Returns:
            How many acknowledged transactions were looked up: all of them ever acknowledged here.

        Raises:
            LedgerWrong: an acknowledged transaction is missing, or the ledger is wrong.
        """
        acknowledged = [identifier for ids in self._acknowledged.pop(database_url, []) for identifier in _ids(ids)]
        with Auditor(database_url) as auditor:
            audit = auditor.audit(acknowledged=acknowledged, depth=depth)
        audit.require_clean()
        return audit.looked_up

    def _sessions(self, count: int) -> list[str]:
        """Sessions of the first users: one set for all, as the same key signs for all services."""
        if len(self._tokens) < count:
            self._tokens = make_tokens(count)
        return self._tokens[:count]


def only_expected(result: Result, *statuses: int) -> Result:
    """The result itself, if no request had any other status than these and the connections held.

    Raises:
        UnexpectedAnswers: there were others; a rate with these in it means nothing.
    """
    if result.statuses.keys() - set(statuses) or result.reconnects:
        raise UnexpectedAnswers(f"answers by status: {result.statuses}; connections that broke: {result.reconnects}")
    return result


def _migrate(url: str) -> None:
    environment = settings_environment({"DATABASE_URL": url, "JWT_KEYS": JWT_KEY})
    subprocess.run([PROGRAM, "migrate"], env=environment, check=True, stdout=subprocess.DEVNULL)


def _ids(text: bytes) -> Iterator[bytes]:
    """The ids in an answer of the load generator: as the API shows them, one after the other."""
    plain = bytes.fromhex(text.replace(b"-", b"").decode())
    return (plain[at : at + 16] for at in range(0, len(plain), 16))


def _pids(servers: Sequence[Server]) -> list[int]:
    return [server.pid for server in servers]
