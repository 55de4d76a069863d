"""A private Redis: a cache in memory only."""

import secrets
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from deploy.local.programs import find_program
from deploy.local.server import Server
from shillings.testing.ports import free_port


class Redis(Server):
    """One Redis that keeps nothing on disk, and lets in only who knows its password, which nobody else ever knew.

    Args:
        directory: its own directory.
        port: where it listens on 127.0.0.1; a free port if 0.
        memory_mb_max: above this it forgets the keys used longest ago; unbounded if 0.
    """

    def __init__(self, directory: Path, *, port: int = 0, memory_mb_max: int = 0) -> None:
        super().__init__("redis", directory)
        self.port = port or free_port()
        self._memory_mb_max = memory_mb_max
        self._password = secrets.token_urlsafe(24)

    @property
    def url(self) -> str:
        """How Shillings is told of it."""
        return f"redis://:{self._password}@127.0.0.1:{self.port}/0"

    def client(self, seconds: float = 5.0) -> redis.Redis:
        """A new client, which tries nothing twice; the caller closes it."""
        return redis.Redis(port=self.port, password=self._password, socket_timeout=seconds, retry=Retry(NoBackoff(), 0))

    def command(self) -> list[str]:
        """See `Server`."""
        return [
            find_program("redis-server"),
            str(self._configuration_path),
            *("--bind", "127.0.0.1"),
            *("--port", str(self.port)),
            *("--dir", str(self.directory)),
            *("--save", ""),
            *("--appendonly", "no"),
            *("--maxmemory", f"{self._memory_mb_max}mb"),
            *("--maxmemory-policy", "allkeys-lru"),
        ]

    def prepare(self) -> None:
        """See `Server`. The password is in a file, because a command line can be read by everybody."""
        self._configuration_path.touch(mode=0o600)
        self._configuration_path.write_text(f"requirepass {self._password}\n")

    def answers(self) -> bool:
        """See `Server`."""
        try:
            with self.client(seconds=1) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    @property
    def _configuration_path(self) -> Path:
        return self.directory / "redis.conf"
