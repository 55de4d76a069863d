"""A private Redis: a cache in memory only."""

import socket
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from deploy.local.ports import free_port
from deploy.local.programs import find_program
from deploy.local.server import Server


class Redis(Server):
    """One Redis that keeps nothing on disk.

    Args:
        directory: its own directory.
        port: where it listens on 127.0.0.1; a free port if 0.
        memory_mb_max: above this it forgets the keys used longest ago; unbounded if 0.
    """

    def __init__(self, directory: Path, *, port: int = 0, memory_mb_max: int = 0) -> None:
        super().__init__("redis", directory)
        self.port = port or free_port()
        self._memory_mb_max = memory_mb_max

    @property
    def url(self) -> str:
        """How Shillings is told of it."""
        return f"redis://127.0.0.1:{self.port}/0"

    def client(self, seconds: float = 5.0) -> redis.Redis:
        """A new client, which tries nothing twice; the caller closes it."""
        return redis.Redis(port=self.port, socket_timeout=seconds, retry=Retry(NoBackoff(), 0))

    def command(self) -> list[str]:
        """See `Server`."""
        return [
            find_program("redis-server"),
            *("--bind", "127.0.0.1"),
            *("--port", str(self.port)),
            *("--dir", str(self.directory)),
            *("--save", ""),
            *("--appendonly", "no"),
            *("--maxmemory", f"{self._memory_mb_max}mb"),
            *("--maxmemory-policy", "allkeys-lru"),
        ]

    def answers(self) -> bool:
        """See `Server`."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(7) == b"+PONG\r\n"
        except OSError:
            return False
