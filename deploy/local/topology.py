"""The production stack on one machine.

client ──▶ nginx ──▶ webs ──▶ apps ──▶ database: MariaDB, MySQL, or HAProxy with a Galera cluster behind it
  endpoints of webhooks ◀── deliverers ──┘ └───▶ Redis
"""

import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.local.database_server import Database
from deploy.local.mariadb import MariaDB
from deploy.local.nginx import Nginx
from deploy.local.redis import Redis
from deploy.local.server import Server, ServerFailed
from deploy.local.shillings import PROGRAM, AppServer, Deliverer, WebServer, settings_environment
from deploy.local.supervisor import Supervisor
from shillings.testing.server import answers_ok

_READY_SECONDS_MAX = 60.0
_MIGRATE_SECONDS_MAX = 120.0


class Topology:
    """All servers, started in order and stopped in reverse; a context manager.

    Tests may kill, pause and restart `database`, `redis`, `apps`, `webs` and `nginx` one by one.

    Args:
        directory: where each server has a directory of its own; a new temporary one, removed at the end, if None.
            Starting again in the same directory finds the same data.
        web: how many web servers.
        app: how many application servers.
        webhooks: how many deliverers of webhooks.
        database: a running one, or the URL of one (through a proxy, say), which somebody else will stop; or one that
            does not run yet, which becomes the topology's own. A MariaDB with default settings if None.
        redis: the same for the cache.
        nginx: whether there is one; without, `url` is the first web server's.
        host: the address on which nginx listens.
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
        webhooks: int = 1,
        database: Database | str | None = None,
        redis: Redis | str | None = None,
        nginx: bool = True,
        host: str = "127.0.0.1",
        port: int = 0,
        settings: Mapping[str, str] | None = None,
        supervised: bool = False,
        announce: Callable[[str], None] = lambda _sentence: None,
    ) -> None:
        self._temporary: Path | None = None
        if directory is None:
            directory = self._temporary = Path(tempfile.mkdtemp(prefix="shillings-"))
        database = MariaDB(directory / "mariadb") if database is None else database
        redis = Redis(directory / "redis") if redis is None else redis
        self._database = None if isinstance(database, str) else database
        self._redis = None if isinstance(redis, str) else redis
        self.settings = {
            "DATABASE_URL": database if isinstance(database, str) else database.url,
            "REDIS_URL": redis if isinstance(redis, str) else redis.url,
            "JWT_KEYS": secrets.token_urlsafe(48),
            "DELIVERER_KEY": secrets.token_urlsafe(48),
            **({"WEBHOOK_ALLOW": "127.0.0.0/8,::1/128"} if host == "127.0.0.1" else {}),
            "DATA_DIR": str(directory / "shillings"),
            "REQUIRE_DURABLE": "1",
            **({"TRUSTED_PROXIES": "127.0.0.1"} if nginx else {}),
            **(settings or {}),
        }
        self.apps = [AppServer(directory / name, name=name, settings=self.settings) for name in _names("app", app)]
        app_addresses = [server.address for server in self.apps]
        self.webs = [
            WebServer(directory / name, name=name, settings=self.settings, apps=app_addresses)
            for name in _names("web", web)
        ]
        web_addresses = [server.address for server in self.webs]
        secure = self.settings.get("COOKIE_SECURE") == "1"
        self._nginx = Nginx(directory / "nginx", web_addresses, host=host, port=port, secure=secure) if nginx else None
        self.deliverers = [
            Deliverer(directory / name, name=name, settings=self.settings | self._never(), apps=app_addresses)
            for name in _names("webhooks", webhooks)
        ]
        databases = [] if self._database is None else self._database.servers
        self._has_own_database = not any(server.alive for server in databases)
        stores = [*databases, *([] if self._redis is None else [self._redis])]
        self._stores = [server for server in stores if not server.alive]
        entrance = [] if self._nginx is None else [self._nginx]
        # Every server that is the topology's own, in the order of starting.
        self.servers: list[Server] = [*self._stores, *self.apps, *self.webs, *self.deliverers, *entrance]
        self._announce = announce
        self._supervisor = Supervisor(self.servers, announce) if supervised else None

    @property
    def database(self) -> Database:
        """The database."""
        assert self._database is not None, "only the database's URL is known"
        return self._database

    @property
    def redis(self) -> Redis:
        """The cache server."""
        assert self._redis is not None, "only the cache's URL is known"
        return self._redis

    @property
    def nginx(self) -> Nginx:
        """The entrance."""
        assert self._nginx is not None, "this topology has no nginx"
        return self._nginx

    @property
    def url(self) -> str:
        """Where clients send their requests."""
        return self.webs[0].url if self._nginx is None else self._nginx.url

    def is_ready(self) -> bool:
        """Whether every web server says that everything behind it answers, and the entrance lets one be asked."""
        if not all(answers_ok(web.port, "/readyz") for web in self.webs):
            # The entrance asks one of them only. One that has just lost its application servers may lag behind.
            return False
        return self._nginx is None or answers_ok(self._nginx.port, "/readyz", self._nginx.host)

    def start(self) -> Self:
        """Start everything and wait until it is ready; stop what was started if it does not get there.

        Raises:
            ServerFailed: a server did not start, or the schema could not be brought up to date.
            MissingProgram: a server is not installed.
        """
        try:
            self._start_stores()
            self._migrate()
            self._start_together(self.apps)
            self._start_together([*self.webs, *self.deliverers])
            self._start_together([] if self._nginx is None else [self._nginx])
            self.wait_until_ready()
        except BaseException:
            self.close()
            raise
        if self._supervisor is not None:
            self._supervisor.start()
        return self

    def wait_until_ready(self, seconds: float = _READY_SECONDS_MAX) -> None:
        """Return when the entrance says that everything behind it answers. Raises ServerFailed."""
        deadline = time.monotonic() + seconds
        while not self.is_ready():
            if time.monotonic() >= deadline:
                logs = "\n".join(server.log_tail() for server in self.servers)
                raise ServerFailed(f"{self.url}/readyz is not answered 200 after {seconds:g} s\n{logs}")
            time.sleep(0.02)

    def close(self) -> None:
        """Stop everything, the entrance first, so that no request finds the next layer gone."""
        if self._supervisor is not None:
            self._supervisor.close()
        for server in reversed(self.servers):
            server.close()
        if self._temporary is not None:
            shutil.rmtree(self._temporary)

    def _never(self) -> dict[str, str]:
        """The setting that keeps deliveries from the topology's own servers."""
        ports = [port for server in (*self.apps, *self.webs) for port in (server.port, server.metrics_port)]
        places = [f"127.0.0.1:{port}" for port in ports]
        if self._nginx is not None:
            places.append(f"{self._nginx.host}:{self._nginx.port}")
        return {"WEBHOOK_NEVER": ",".join(places)}

    def _start_stores(self) -> None:
        """Start the database and the cache, as far as they are the topology's own."""
        began = time.monotonic()
        caches = [server for server in self._stores if server is self._redis]
        for server in caches:
            server.launch()
        if self._database is not None and self._has_own_database:
            self._database.start()
        for server in caches:
            server.wait_until_ready()
        self._announce_ready(self._stores, began)

    def _start_together(self, servers: Sequence[Server]) -> None:
        """Launch servers that do not need each other, then wait for all of them."""
        began = time.monotonic()
        for server in servers:
            server.launch()
        for server in servers:
            server.wait_until_ready()
        self._announce_ready(servers, began)

    def _announce_ready(self, servers: Sequence[Server], began: float) -> None:
        if servers:
            names = ", ".join(server.name for server in servers)
            self._announce(f"{names}: ready in {time.monotonic() - began:.1f} s")

    def _migrate(self) -> None:
        began = time.monotonic()
        result = subprocess.run(
            [PROGRAM, "migrate"],
            env=settings_environment(self.settings),
            capture_output=True,
            text=True,
            check=False,
            timeout=_MIGRATE_SECONDS_MAX,
        )
        if result.returncode != 0:
            raise ServerFailed(f"shillings migrate failed\n{result.stdout}\n{result.stderr}")
        self._announce(f"schema: up to date in {time.monotonic() - began:.1f} s")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _names(kind: str, count: int) -> list[str]:
    return [f"{kind}{number}" for number in range(1, count + 1)]
