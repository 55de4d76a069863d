"""The guide "Test your checkout against Shillings": its commands, as printed, go from a red audit to a green one."""

import os
import subprocess
import sys
from pathlib import Path

from tests.pages import ROOT, blocks, read
from tests.programs import require_programs
from tests.service import Service


def test_guide_goes_from_red_to_green(tmp_path: Path) -> None:
    """The first checkout pays twice and the audit says so; the mended one pays once and the audit is clean."""
    require_programs("curl", "bash")
    printed = [block.text for block in blocks(read(ROOT / "docs" / "testing-a-checkout.md")) if block.language == "sh"]
    prepare, define, red, reset, green = printed
    with Service(tmp_path / "service") as service:
        script = f"{prepare}\n{define}\n{red}\n{reset}\n{prepare}\n{green}"
        script = script.replace("http://127.0.0.1:8080", service.url)
        # The command asks the port that everybody has, and is on the path that everybody has.
        script = script.replace(
            "shillings audit", f"{Path(sys.executable).with_name('shillings')} audit --url {service.url}"
        )
        found = subprocess.run(
            ["bash", "-e", "-c", script], cwd=tmp_path, env=os.environ, capture_output=True, text=True, check=False,
            timeout=60,
        )  # fmt: skip

    assert found.returncode == 0, found.stderr
    assert found.stdout.count("paid_twice") == 1
    assert "Clean: the money is right" in found.stdout.rstrip().splitlines()[-1]
