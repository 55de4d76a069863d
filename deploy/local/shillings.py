"""Shillings' own processes: application servers, web servers and deliverers of webhooks."""

import socket
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.local.server import Server
from shillings.testing.ports import free_port
from shillings.testing.process import clean_environ, shillings_command
from shillings.testing.server import answers_ok

PROGRAM = shillings_command()


def settings_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """This process's environment, with these settings and no other of Shillings'.

    Args:
        settings: names as in the documentation, without the prefix, such as `DATABASE_URL`.
    """
    return clean_environ({f"SHILLINGS_{name}": value for name, value in settings.items()})


class ShillingsServer(Server):
    """A process of Shillings that listens on a free loopback port and serves its metrics on another.

    Args:
        directory: its own directory.
        name: what messages and the log file call it.
        settings: names without the prefix, and values.
    """

    def __init__(self, directory: Path, *, name: str, settings: Mapping[str, str]) -> None:
        super().__init__(name, directory)
        self.port = free_port()
        self.metrics_port = free_port()
        self._environment = settings_environment(settings) | {
            "SHILLINGS_METRICS_LISTEN": f"127.0.0.1:{self.metrics_port}"
        }

    @property
    def metrics_url(self) -> str:
        """Where Prometheus finds its metrics."""
        return f"http://127.0.0.1:{self.metrics_port}/metrics"

    def environment(self) -> Mapping[str, str]:
        """See `Server`."""
        return self._environment

    @abstractmethod
    def command(self) -> list[str]:
        """See `Server`."""


class AppServer(ShillingsServer):
    """One application server."""

    @property
    def address(self) -> str:
        """Where web servers find it."""
        return f"tcp://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        """See `Server`."""
        return [PROGRAM, "app", "--listen", self.address]

    def answers(self) -> bool:
        """See `Server`. It listens once it has its database."""
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True


class WebServer(ShillingsServer):
    """One web server.

    Args:
        directory: its own directory.
        name: what messages and the log file call it.
        settings: names without the prefix, and values.
        apps: the addresses of the application servers.
    """

    def __init__(self, directory: Path, *, name: str, settings: Mapping[str, str], apps: Sequence[str]) -> None:
        super().__init__(directory, name=name, settings=settings)
        self._apps = list(apps)

    @property
    def address(self) -> str:
        """Where nginx finds it."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Where a client finds it."""
        return f"http://{self.address}"

    def command(self) -> list[str]:
        """See `Server`."""
        return [PROGRAM, "web", "--listen", self.address, "--app", ",".join(self._apps)]

    def answers(self) -> bool:
        """See `Server`. Not whether the layer behind it answers."""
        return answers_ok(self.port, "/healthz")


class Deliverer(ShillingsServer):
    """One deliverer of webhooks.

    Args:
        directory: its own directory.
        name: what messages and the log file call it.
        settings: names without the prefix, and values.
        apps: the addresses of the application servers.
    """

    def __init__(self, directory: Path, *, name: str, settings: Mapping[str, str], apps: Sequence[str]) -> None:
        super().__init__(directory, name=name, settings=settings)
        self._apps = list(apps)

    def command(self) -> list[str]:
        """See `Server`."""
        return [PROGRAM, "webhooks", "--app", ",".join(self._apps)]

    def answers(self) -> bool:
        """See `Server`. It listens to nobody but who asks for its metrics."""
        return answers_ok(self.metrics_port, "/metrics")
