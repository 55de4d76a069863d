"""The production stack on one machine: nginx, web and application servers, MariaDB, Redis.

    client ──▶ nginx ──▶ webs ──▶ apps ──▶ MariaDB
                                     └───▶ Redis
"""

import contextlib
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.local.mariadb import MariaDB
from deploy.local.nginx import Nginx
from deploy.local.redis import Redis
from deploy.local.server import Server, ServerFailed
from deploy.local.shillings import PROGRAM, AppServer, WebServer, answers_ok, settings_environment
from deploy.local.supervisor import Supervisor

_READY_SECONDS_MAX = 60.0
_MIGRATE_SECONDS_MAX = 60.0


class Topology:
    """All servers, started in order, stopped in reverse, as a context manager.

    Tests may kill, pause and restart `mariadb`, `redis`, `apps`, `webs` and `nginx` one by one.

    Args:
        directory: where each server has a directory of its own; a new temporary one, removed at the end, if None.
            Starting again in the same directory finds the same data.
        web: how many web servers.
        app: how many application servers.
        database: a running server to use, or a URL (through a proxy, say); one of its own if None.
        redis: the same for the cache.
        nginx: whether there is one; without, `url` is the first web server's.
        host: the address on which the entrance listens, which is nginx.
        port: its port there; a free one if 0.
        settings: for every process of Shillings, names without the prefix: `{"REQUEST_TIMEOUT_MS": "2000"}`.
        supervised: whether a server that dies is started again, as a container's restart policy does it.
        announce: told, in words, what happens.
    """

    def __init__(
        self,
        directory: Path | None = None,
        *,
        web: int = 2,
        app: int = 2,
        database: MariaDB | str | None = None,
        redis: Redis | str | None = None,
        nginx: bool = True,
        host: str = "127.0.0.1",
        port: int = 0,
        settings: Mapping[str, str] | None = None,
        supervised: bool = False,
        announce: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        self._temporary: Path | None = None
        if directory is None:
            directory = self._temporary = Path(tempfile.mkdtemp(prefix="shillings-"))
        self._announce = announce
        self._closing = contextlib.ExitStack()
        self._own_mariadb = MariaDB(directory / "mariadb") if database is None else None
        self._own_redis = Redis(directory / "redis") if redis is None else None
        database = self._own_mariadb if database is None else database
        redis = self._own_redis if redis is None else redis
        assert database is not None
        assert redis is not None
        self.settings = {
            "DATABASE_URL": database if isinstance(database, str) else database.url,
            "REDIS_URL": redis if isinstance(redis, str) else redis.url,
            "JWT_KEYS": secrets.token_urlsafe(48),
            "DATA_DIR": str(directory / "shillings"),
            "REQUIRE_DURABLE": "1",
            **(settings or {}),
        }
        self.apps = [
            AppServer(directory / f"app{number}", name=f"app{number}", settings=self.settings)
            for number in range(1, app + 1)
        ]
        self.webs = [
            WebServer(
                directory / f"web{number}",
                name=f"web{number}",
                settings=self.settings,
                apps=[server.address for server in self.apps],
            )
            for number in range(1, web + 1)
        ]
        self._nginx: Nginx | None = None
        if nginx:
            addresses = [server.address for server in self.webs]
            self._nginx = Nginx(directory / "nginx", addresses, host=host, port=port)
        self.supervisor: Supervisor | None = (
            Supervisor(self.servers, self._announce_revival) if supervised else None
        )

    @property
    def mariadb(self) -> MariaDB:
        """The database server, if it is the topology's own."""
        assert self._own_mariadb is not None, "this topology uses a database of somebody else's"
        return self._own_mariadb

    @property
    def redis(self) -> Redis:
        """The cache server, if it is the topology's own."""
        assert self._own_redis is not None, "this topology uses a cache of somebody else's"
        return self._own_redis

    @property
    def nginx(self) -> Nginx:
        """The entrance, if there is one."""
        assert self._nginx is not None, "this topology has no nginx"
        return self._nginx

    @property
    def servers(self) -> list[Server]:
        """Every server that is the topology's own, in the order of starting."""
        stores: list[Server | None] = [self._own_mariadb, self._own_redis]
        every = [*stores, *self.apps, *self.webs, self._nginx]
        return [server for server in every if server is not None]

    @property
    def url(self) -> str:
        """Where clients send their requests."""
        return self.webs[0].url if self._nginx is None else self._nginx.url

    def is_ready(self) -> bool:
        """Whether the entrance says that everything behind it answers."""
        entrance = self.webs[0] if self._nginx is None else self._nginx
        return answers_ok(entrance.port, "/readyz")

    def start(self) -> Self:
        """Start everything and wait until it is ready; stop what was started if it does not get there.

        Raises:
            ServerFailed: a server did not start, or the schema could not be brought up to date.
            MissingProgram: a server is not installed.
        """
        try:
            self._start_in_order()
        except BaseException:
            self.close()
            raise
        return self

    def close(self) -> None:
        """Stop everything, the entrance first, so that no request finds the next layer gone."""
        if self.supervisor is not None:
            self.supervisor.close()
        for server in reversed(self.servers):
            server.close()
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
