"""Servers that only benchmarks start: the echo, and the embedded default."""

import socket
import sys
from pathlib import Path

from benchmarks.population import JWT_KEY
from deploy.local.ports import free_port
from deploy.local.server import Server
from deploy.local.shillings import PROGRAM, answers_ok, settings_environment

_ROOT = Path(__file__).parents[1]


class EchoServer(Server):
    """One process of the HTTP echo.

    Args:
        directory: its own directory.
        name: what messages and the log file call it.
    """

    def __init__(self, directory: Path, name: str) -> None:
        super().__init__(name, directory)
        self.port = free_port()

    def environment(self) -> dict[str, str]:
        """See `Server`."""
        return settings_environment({}) | {"PYTHONPATH": str(_ROOT)}

    def command(self) -> list[str]:
        """See `Server`."""
        return [sys.executable, "-m", "benchmarks.echo", str(self.port)]

    def answers(self) -> bool:
        """See `Server`."""
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True


class EmbeddedServer(Server):
    """`shillings serve`, as somebody gets it who just starts it: SQLite, one web process.

    Args:
        directory: its own directory.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__("embedded", directory)
        self.port = free_port()
        self.database = self.directory / "shillings.db"

    def environment(self) -> dict[str, str]:
        """See `Server`."""
        return settings_environment({"DATA_DIR": str(self.directory), "JWT_KEYS": JWT_KEY})

    def command(self) -> list[str]:
        """See `Server`."""
        return [PROGRAM, "serve", "--port", str(self.port)]

    def answers(self) -> bool:
        """See `Server`."""
        return answers_ok(self.port, "/readyz")
