"""Every part of the benchmarks runs, on real servers."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.programs import require_mysql, require_programs


@pytest.mark.timeout(480)
def test_every_part_runs_once(tmp_path: Path) -> None:
    """The smoke run measures every point, checks every ledger, and writes the results and the picture."""
    require_programs("mariadbd", "redis-server", "nginx", "sysbench")
    require_mysql()
    command = [sys.executable, "-m", "benchmarks", "smoke", "--results", str(tmp_path)]

    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    text = (tmp_path / "RESULTS.md").read_text()
    for heading in (
        "## Rates and latencies",
        "### Overload",
        "### Webhooks, refunds, holds",
        "## How cost grows",
        "### Memory",
    ):
        assert heading in text
    assert "| pay, MySQL instead of MariaDB, 64 clients |" in text
    assert "<svg" in (tmp_path / "results.svg").read_text()
