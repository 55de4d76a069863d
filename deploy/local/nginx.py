"""A private nginx with the very configuration that production uses."""

import os
import pwd
import signal
import socket
from collections.abc import Sequence
from pathlib import Path

from deploy.local.programs import find_program
from deploy.local.server import Server
from shillings.testing.ports import free_port

CONFIGURATION = Path(__file__).parents[1] / "nginx"

# Where a container has them made by the image. Here they belong to whoever runs nginx.
_PATHS = """
client_body_temp_path temp/body;
proxy_temp_path temp/proxy;
fastcgi_temp_path temp/fastcgi;
uwsgi_temp_path temp/uwsgi;
scgi_temp_path temp/scgi;
"""


class Nginx(Server):
    """One nginx in front of web servers.

    Args:
        directory: its own directory, from which it takes everything it needs.
        web_servers: the addresses it forwards to, as `host:port`.
        host: the address it listens on.
        port: the port it listens on; a free one if 0.
        template: the text of its configuration, with variables; that of `deploy/nginx` if empty.
        requests_max: how many requests that have arrived whole it passes on at once, to all web servers together.
        secure: whether TLS ends in front of it, so that the answers it makes itself say so, as the web servers' do.
    """

    # Workers finish what is under way, then end.
    stop_signal = signal.SIGQUIT
    # Its workers do not notice that the master was killed, so the master is told to end, and ends them.
    death_signal = "TERM"

    def __init__(
        self,
        directory: Path,
        web_servers: Sequence[str],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        template: str = "",
        requests_max: int = 512,
        secure: bool = False,
    ) -> None:
        super().__init__("nginx", directory)
        self.host = host
        self.port = port or free_port()
        self.access_log_path = self.directory / "access.log"
        self._web_servers = list(web_servers)
        self._requests_max = requests_max
        self._secure = secure
        self._template = template or (CONFIGURATION / "shillings.conf.template").read_text()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{self.host}:{self.port}"

    def command(self) -> list[str]:
        """See `Server`."""
        globals_ = f"daemon off; pid {self.directory}/nginx.pid;"
        if os.geteuid() == 0:
            # Workers stay whoever the master is; another user could not reach a private directory.
            globals_ += f" user {pwd.getpwuid(0).pw_name};"
        return [
            find_program("nginx"),
            *("-p", f"{self.directory}/"),
            *("-c", str(self.directory / "nginx.conf")),
            *("-e", "stderr"),
            *("-g", globals_),
        ]

    def prepare(self) -> None:
        """Write the configuration; see `Server`."""
        included = self.directory / "conf.d"
        included.mkdir(exist_ok=True)
        (self.directory / "temp").mkdir(exist_ok=True)
        (self.directory / "nginx.conf").write_text((CONFIGURATION / "nginx.conf").read_text())
        (self.directory / "shillings_errors.conf").write_text((CONFIGURATION / "shillings_errors.conf").read_text())
        (included / "paths.conf").write_text(_PATHS)
        (included / "shillings.conf").write_text(self._render())

    def answers(self) -> bool:
        """See `Server`."""
        try:
            socket.create_connection((self.host, self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def _render(self) -> str:
        """Put the variables in, as the nginx image does with envsubst; all other `$words` are nginx's own."""
        each = max(1, self._requests_max // len(self._web_servers))
        servers = (f"server {address} max_conns={each} max_fails=3 fail_timeout=1s;" for address in self._web_servers)
        variables = {
            "SHILLINGS_NGINX_LISTEN": f"{self.host}:{self.port}",
            "SHILLINGS_NGINX_ACCESS_LOG": str(self.access_log_path),
            "SHILLINGS_WEB_SERVERS": "\n    ".join(servers),
            "SHILLINGS_COOKIE_SECURE": str(int(self._secure)),
        }
        text = self._template
        for name, value in variables.items():
            text = text.replace(f"${{{name}}}", value)
        return text
