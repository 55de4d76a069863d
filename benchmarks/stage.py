"""Everything that a benchmark starts: the databases, the services, the echo, and the load generator."""

import secrets
import shutil
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.filling import PASSWORD, Filling, fill_sqlite
from benchmarks.jobs import Job, Phase, Result
from benchmarks.load import LoadGenerator
from benchmarks.population import JWT_KEY, make_tokens
from benchmarks.servers import EchoServer, EmbeddedServer
from benchmarks.traffic import Traffic
from benchmarks.usage import Usage
from benchmarks.verify import verify
from deploy.local.mariadb import MariaDB
from deploy.local.redis import Redis
from deploy.local.server import Server
from deploy.local.shillings import PROGRAM, settings_environment
from deploy.local.topology import Topology

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

    def database(self, name: str, users: int, history: int = 0) -> str:
        """Make a database with users and history, and return its URL."""
        url = self.mariadb.create_database(f"shillings_{name}")
        _migrate(url)
        with self.mariadb.connect(f"shillings_{name}") as connection:
            for _ in Filling(connection, users, history).run():
                pass
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE TABLE users, credentials, transactions, entries")
        return url

    def service(self, database_url: str, users: int, *, web: int, app: int) -> tuple[Target, Target]:
        """Start Shillings on a database; return it as reached directly, and as reached through nginx."""
        directory = self.directory / f"service-{secrets.token_hex(3)}"
        topology = self._stack.enter_context(
            Topology(
                directory,
                web=web,
                app=app,
                database=database_url,
                redis=self.redis,
                settings={"JWT_KEYS": JWT_KEY},
            )
        )
        parts = {
            "web": [server.pid for server in topology.webs],
            "app": [server.pid for server in topology.apps],
            "MariaDB": [self.mariadb.pid],
            "Redis": [self.redis.pid],
        }
        metrics = [server.metrics_url for server in topology.apps]
        webs = [("127.0.0.1", server.port) for server in topology.webs]
        nginx = topology.nginx
        direct = Target(webs, database_url, parts, users, metrics)
        through = Target([(nginx.host, nginx.port)], database_url, {"nginx": [nginx.pid], **parts}, users, metrics)
        return direct, through

    def embedded(self, users: int) -> Target:
        """Start the embedded default on a database of its own."""
        server = EmbeddedServer(self.directory / "embedded")
        url = f"sqlite:///{server.database}"
        _migrate(url)
        fill_sqlite(server.database, users)
        self._stack.enter_context(server)
        return Target([("127.0.0.1", server.port)], url, {"embedded": [server.pid]}, users)

    def echo(self, processes: int) -> Target:
        """Start the echo."""
        servers = [EchoServer(self.directory / f"echo{number}", f"echo{number}") for number in range(processes)]
        for server in servers:
            self._stack.enter_context(server)
        addresses = [("127.0.0.1", server.port) for server in servers]
        return Target(addresses, "", {"echo": _pids(servers)}, self.users)

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
            in_turn=in_turn,
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

    def verify(self, database_url: str) -> int:
        """Check a ledger; see `verify.verify`. Every transaction ever acknowledged here is looked up."""
        return verify(database_url, self._acknowledged.pop(database_url, []))

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


def _pids(servers: Sequence[Server]) -> list[int]:
    return [server.pid for server in servers]
