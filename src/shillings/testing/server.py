"""`shillings serve` on a free port, with data of its own."""

import contextlib
import http.client
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from shillings.testing.client import Client, User
from shillings.testing.ports import free_port
from shillings.testing.process import Process, ServerFailed

_HEALTH_SECONDS_MAX = 2.0


def answers_ok(port: int, path: str, host: str = "127.0.0.1") -> bool:
    """Whether a GET is answered 200 within a second or two."""
    connection = http.client.HTTPConnection(host, port, timeout=_HEALTH_SECONDS_MAX)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


class ShillingsServer(Process):
    """A whole Shillings: one command, SQLite, nothing else needed. Leaving it as a context manager kills it.

    It keeps its port and its data when it is stopped and started again.

    Args:
        folder: where its data and its log are kept; if None, a temporary folder that is removed at the end.
        settings: SHILLINGS_* variables; those of the environment are not passed on.
        arguments: more of `shillings serve`'s command line.
    """

    def __init__(
        self, folder: Path | None = None, settings: Mapping[str, str] | None = None, arguments: tuple[str, ...] = ()
    ) -> None:
        self._temporary = folder is None
        folder = Path(tempfile.mkdtemp(prefix="shillings-test-")) if folder is None else folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.data_dir = folder / "data"
        self._clients: list[Client] = []
        super().__init__(
            folder,
            ["serve", "--port", str(self.port), *arguments],
            {"SHILLINGS_DATA_DIR": str(self.data_dir)} | dict(settings or {}),
        )

    @property
    def database_url(self) -> str:
        """The database, as SQLAlchemy names it; for an auditor."""
        return f"sqlite:///{self.data_dir / 'shillings.db'}"

    def is_ready(self, output: str) -> bool:
        """See Process. Both layers are up, and the database answers."""
        return "Shillings is at " in output and answers_ok(self.port, "/readyz")

    def wait_until_ready(self, seconds: float) -> float:
        """Return, when it can serve (again), how many seconds that took. Raises ServerFailed."""
        began = time.monotonic()
        while not answers_ok(self.port, "/readyz"):
            if time.monotonic() - began > seconds:
                raise ServerFailed(f"it is not ready after {seconds:g} s")
            time.sleep(0.01)
        return time.monotonic() - began

    def client(self) -> Client:
        """A client that nobody is signed in with. It is closed when the server is."""
        self._clients.append(Client(self.url))
        return self._clients[-1]

    def new_user(self, name: str, balance: str | None = None) -> User:
        """Somebody who has signed up as `name@example.com`, logged in and, if told so, topped up."""
        return self.client().new_user(name, balance)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._clients:
            client.close()
        super().__exit__(kind, error, trace)
        if self._temporary:
            with contextlib.suppress(OSError):
                shutil.rmtree(self.folder)
