"""Server processes: killed, paused, revived, and never left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis

from deploy.local.redis import Redis
from deploy.local.supervisor import Supervisor
from deploy.local.waiting import wait_until
from shillings.testing.ports import is_free
from tests.programs import require_programs

OWNER = """
import sys, threading
from pathlib import Path
from shillings.testing.ports import is_free
from deploy.local.redis import Redis

server = Redis(Path(sys.argv[1]))
# From a thread that ends at once, as a test's would.
starter = threading.Thread(target=server.start)
starter.start()
starter.join()
print(server.url, flush=True)
sys.stdin.read()
"""


def test_redis_lets_in_only_who_knows_its_password(redis_server: Redis) -> None:
    """Without the password Redis answers nothing, and the password is not in its command line."""
    password = urlsplit(redis_server.url).password
    assert password
    assert password not in " ".join(redis_server.command())
    with redis.Redis(port=redis_server.port) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()


@pytest.fixture
def private_redis(tmp_path: Path) -> Redis:
    """A Redis of the test's own, not started."""
    require_programs("redis-server")
    return Redis(tmp_path, memory_mb_max=8)


def test_redis_is_a_bounded_cache(redis_server: Redis) -> None:
    """The shared Redis answers and keeps nothing on disk."""
    client = redis_server.client()
    assert client.ping()
    assert client.config_get("save") == {"save": ""}
    assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "allkeys-lru"}
    client.close()


def test_a_paused_server_hangs_until_resumed(private_redis: Redis) -> None:
    """A paused server is alive and does not answer; resumed, it goes on with what it had."""
    with private_redis:
        client = private_redis.client(seconds=0.1)
        client.set("key", "value")
        private_redis.pause()
        assert private_redis.alive
        with pytest.raises(redis.TimeoutError):
            client.get("key")
        private_redis.resume()
        wait_until(private_redis.answers, seconds=5, what="an answer")
        assert client.get("key") == b"value"
        client.close()


def test_a_supervisor_revives_what_was_killed_but_not_what_was_stopped(private_redis: Redis) -> None:
    """After kill -9 the server comes back by itself, with a new process; after stop it stays down."""
    revived: list[str] = []
    with private_redis:
        supervisor = Supervisor([private_redis], revived.append)
        supervisor.start()
        before = private_redis.pid
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: revived, seconds=5, what="the supervisor")
        private_redis.wait_until_ready()
        assert private_redis.pid != before

        private_redis.kill(stays_down=True)
        private_redis.start()

        private_redis.stop()
        private_redis.start()
        supervisor.close()
        assert revived == ["redis had died and was started again"]


def test_no_server_outlives_a_killed_owner(tmp_path: Path) -> None:
    """When the owning process is killed with -9, its servers end too; a thread's end does not end them."""
    require_programs("redis-server")
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdin is not None
    assert owner.stdout is not None
    with owner.stdin, owner.stdout:
        url = owner.stdout.readline().strip()
        port = urlsplit(url).port or 0
        client = redis.Redis.from_url(url)
        assert client.ping()
        client.close()
        owner.kill()
        owner.wait()
    wait_until(lambda: is_free(port), seconds=5, what="the orphan's end")


def test_a_supervisor_lets_a_server_rest_that_needs_it(private_redis: Redis) -> None:
    """A server whose peers must first notice that it is gone is not started again at once."""
    private_redis.rest_seconds = 0.5
    supervisor = Supervisor([private_redis])
    with private_redis:
        supervisor.start()
        private_redis.kill()
        died = time.monotonic()
        wait_until(lambda: private_redis.alive, seconds=5, what="its return")
        rested = time.monotonic() - died
        supervisor.close()

    assert rested >= 0.5
