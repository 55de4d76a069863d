"""A private HAProxy with the very configuration that production uses: one address for a cluster of three."""

import http.client
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.local.programs import find_program
from deploy.local.server import Server
from shillings.testing.ports import free_port

CONFIGURATION = Path(__file__).parents[1] / "haproxy" / "haproxy.cfg"
"""It has a place for three nodes, and no more."""


class HAProxy(Server):
    """One HAProxy in front of three database nodes.

    Args:
        directory: its own directory.
        nodes: where the nodes listen, as `host:port`, the preferred writer first.
    """

    def __init__(self, directory: Path, nodes: Sequence[str]) -> None:
        super().__init__("haproxy", directory)
        self.port = free_port()
        self.metrics_port = free_port()
        self._nodes = list(nodes)

    @property
    def metrics_url(self) -> str:
        """Where Prometheus finds its metrics."""
        return f"http://127.0.0.1:{self.metrics_port}/metrics"

    def command(self) -> list[str]:
        """See `Server`."""
        return [find_program("haproxy"), "-db", "-f", str(CONFIGURATION)]

    def environment(self) -> Mapping[str, str]:
        """See `Server`."""
        nodes = {f"SHILLINGS_DATABASE_NODE{number}": node for number, node in enumerate(self._nodes, 1)}
        return {
            **os.environ,
            **nodes,
            "SHILLINGS_HAPROXY_LISTEN": f"127.0.0.1:{self.port}",
            "SHILLINGS_HAPROXY_METRICS_LISTEN": f"127.0.0.1:{self.metrics_port}",
        }

    def healthy_nodes(self) -> set[str]:
        """Which nodes it would send connections to, such as `{"node1", "node3"}`; none when it does not answer."""
        pattern = r'^haproxy_server_status\{proxy="database",server="(\w+)",state="UP"\} 1$'
        return set(re.findall(pattern, self._metrics(), re.MULTILINE))

    def answers(self) -> bool:
        """See `Server`. It listens, and has found a node."""
        return bool(self.healthy_nodes())

    def _metrics(self) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.metrics_port, timeout=2)
        try:
            connection.request("GET", "/metrics")
            return connection.getresponse().read().decode()
        except (OSError, http.client.HTTPException):
            return ""
        finally:
            connection.close()
