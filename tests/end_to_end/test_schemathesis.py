"""The OpenAPI document and the service agree, as far as a machine can tell that tries to prove the opposite."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service import Service

PROGRAM = str(Path(sys.executable).with_name("st"))
CONFIG = Path(__file__).with_name("schemathesis.toml")
SECONDS_MAX = 400
ENDS_SESSIONS = "^/v1/(logout|password|email|account/close)$"
SANDBOX = "^/v1/sandbox/"
NOT_TRIED = "^/v1/sandbox/(requests/stream|events|webhook_endpoints)"
"""One answer never ends. The others are the rows of users' own events and webhooks, for operators."""

RUNS = {
    "what keeps a session": ("--exclude-path-regex", f"{ENDS_SESSIONS}|{SANDBOX}"),
    "what ends it": ("--include-path-regex", ENDS_SESSIONS),
    # It needs no session, so neither the clock nor a reset can end it; and faults happen to other requests only.
    "the sandbox": (
        *("--include-path-regex", SANDBOX, "--exclude-path-regex", NOT_TRIED),
        *("--phases", "examples,coverage,fuzzing"),
    ),
}
"""Three runs: in each, nothing that is tried can spoil what is tried after it."""


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that only this test asks, as often as it likes."""
    with Service(tmp_path_factory.mktemp("attacked"), SHILLINGS_RATE_LIMITS="0") as service:
        yield service


@pytest.mark.timeout(SECONDS_MAX + 20)
@pytest.mark.parametrize("which", RUNS)
def test_schemathesis_finds_nothing(attacked: Service, which: str) -> None:
    """With all its checks, schemathesis finds nothing: not in what keeps a session or ends it, nor in the sandbox."""
    name = f"ann-{list(RUNS).index(which)}"
    ann, _ = attacked.new_user(name, "1000.00"), attacked.client().sign_up("bob@example.com")
    config = attacked.folder / f"{name}.toml"
    config.write_text(f'[auth.openapi]\nbearer = {{ bearer = "{ann.token}" }}\n\n{CONFIG.read_text()}')
    done = subprocess.run(
        [
            *(PROGRAM, "--config-file", str(config), "run", f"{attacked.url}/openapi.json", "--no-color"),
            *("--checks", "all", "--max-examples", "5", "--seed", "1", *RUNS[which]),
        ],
        cwd=attacked.folder, capture_output=True, text=True, timeout=SECONDS_MAX, check=False,
    )  # fmt: skip

    assert done.returncode == 0, f"{done.stdout[-8000:]}\n{done.stderr[-2000:]}"
    assert "Test cases:" in done.stdout
