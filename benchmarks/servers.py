"""The servers that only benchmarks start: the echo, and what listens to webhooks."""

import socket
import sys
import urllib.request
from pathlib import Path

import msgspec

from benchmarks.sink import Told
from deploy.local.server import Server
from deploy.local.shillings import settings_environment
from shillings.testing.ports import free_port

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


class SinkServer(EchoServer):
    """What listens to webhooks; see `sink.py`."""

    def command(self) -> list[str]:
        """See `Server`."""
        return [sys.executable, "-m", "benchmarks.sink", str(self.port)]

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def ask(self) -> Told:
        """What came since it was last asked."""
        with urllib.request.urlopen(self.url, timeout=5) as answer:
            return msgspec.json.decode(answer.read(), type=Told)
