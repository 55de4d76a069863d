"""Three Galera nodes: the one that is written to dies under load, and paying goes on at another."""

import os
import signal
import time
from pathlib import Path

from deploy.local.galera import Galera
from deploy.local.topology import Topology
from tests.production.stand import Stand, settle
from tests.programs import require_programs
from tests.proxy import Proxy


def test_the_writing_node_dies(tmp_path: Path) -> None:
    """Kill -9 of the node that is written to loses nothing acknowledged; paying goes on at another node."""
    require_programs("mariadbd", "redis-server", "rsync", "ss", galera=True)
    with Galera() as galera, Proxy(galera.nodes[0].port) as first:
        url = galera.nodes[0].url.replace(f":{galera.nodes[0].port}/", f":{first.port}/")
        with Topology(tmp_path / "stack", web=1, app=1, nginx=False, database=url, supervised=True) as topology:
            crowd = settle(topology.webs[0].port, topology.settings["JWT_KEYS"], "user")
            stand = Stand(crowd=crowd, database_url=galera.nodes[1].url)

            def die_and_move() -> float:
                os.kill(galera.nodes[0].pid, signal.SIGKILL)
                first.forward_to(galera.nodes[1].port)
                return time.monotonic()

            stand.pay_through("galera: the writing node dies", die_and_move)
