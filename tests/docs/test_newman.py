"""The Postman collection runs from top to bottom, again and again, and fails when the service is wrong."""

import os
import re
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Self

import httpx
import pytest

from tests.pages import ROOT
from tests.programs import require_programs
from tests.service import Service

NEWMAN = "newman@6.2.1"
COLLECTION = ROOT / "docs" / "shillings.postman_collection.json"
INSTALL_SECONDS_MAX, RUN_SECONDS_MAX = 240, 60


@pytest.fixture(scope="module")
def newman() -> str:
    """Postman's own runner, installed once into the user's cache."""
    require_programs("node", "npm")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "shillings" / NEWMAN
    program = cache / "node_modules" / ".bin" / "newman"
    if not program.exists():
        cache.mkdir(parents=True, exist_ok=True)
        install = ["npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(cache), NEWMAN]
        subprocess.run(install, check=True, timeout=INSTALL_SECONDS_MAX)
    return str(program)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that nobody has used."""
    with Service(tmp_path_factory.mktemp("fresh")) as service:
        yield service


def run(newman: str, url: str, *variables: str) -> subprocess.CompletedProcess[str]:
    """Run the whole collection."""
    command = [newman, "run", str(COLLECTION), "--env-var", f"base_url={url}", "--color", "off"]
    for variable in variables:
        command += ["--env-var", variable]
    return subprocess.run(command, capture_output=True, text=True, timeout=RUN_SECONDS_MAX, check=False)


class Broken:
    """A proxy before a service that answers one path itself, and so does nothing of what it says it has done."""

    def __init__(self, target: str, path: str, answer: bytes) -> None:
        self._client = client = httpx.Client(base_url=target, timeout=15)

        class Handler(BaseHTTPRequestHandler):
            """Passes requests on."""

            def log_message(self, *_: object) -> None:
                """Say nothing."""

            def handle_one(self) -> None:
                """Answer one request."""
                content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.path == path:
                    self.reply(200, answer, [])
                    return
                kept = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection")}
                passed = client.request(self.command, self.path, content=content, headers=kept)
                client.cookies.clear()
                self.reply(passed.status_code, passed.content, passed.headers.get_list("set-cookie"))

            def reply(self, status: int, body: bytes, cookies: list[str]) -> None:
                """Send a reply."""
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                for cookie in cookies:
                    self.send_header("Set-Cookie", cookie)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_DELETE = do_PATCH = handle_one  # noqa: N815 - http.server's names

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._client.close()


@pytest.mark.timeout(INSTALL_SECONDS_MAX + 3 * RUN_SECONDS_MAX)
def test_collection_passes_twice(newman: str, fresh: Service) -> None:
    """On a fresh service the collection passes, and passes again."""
    for _ in range(2):
        done = run(newman, fresh.url)
        assert done.returncode == 0, done.stdout[-6000:]


@pytest.mark.timeout(INSTALL_SECONDS_MAX + RUN_SECONDS_MAX)
def test_sandbox_is_run_when_it_is_wanted(newman: str, fresh: Service) -> None:
    """With the variable set, what the sandbox changes is sent too."""
    sent = [run(newman, fresh.url, *variables).stdout.count("/v1/sandbox/") for variables in ((), ("sandbox=yes",))]

    assert sent[0] < sent[1]


LIES = {
    "a payment that is not made": ("/v1/pay", b'{"transaction_id": "%s", "status": {"code": "ok"}}' % (b"0" * 36)),
    "a top-up that is not made": ("/v1/topup", b'{"transaction_id": "%s", "status": {"code": "ok"}}' % (b"0" * 36)),
    "a logout that ends nothing": ("/v1/logout", b'{"status": {"code": "ok"}}'),
    "an endpoint that is not there": ("/v1/transactions", b'{"status": {"code": "not_found"}}'),
}


@pytest.mark.timeout(INSTALL_SECONDS_MAX + RUN_SECONDS_MAX)
@pytest.mark.parametrize(("path", "answer"), LIES.values(), ids=LIES)
def test_collection_fails_when_the_service_is_wrong(newman: str, fresh: Service, path: str, answer: bytes) -> None:
    """A service that says it did what it did not do is found out."""
    with Broken(fresh.url, path, answer) as broken:
        done = run(newman, broken.url)

    assert done.returncode == 1
    assert re.search("(Assertion|Type)Error", done.stdout), done.stdout
