"""What CI runs, what a commit checks, and what the pages tell: the same."""

import os
import re

from tests.pages import ROOT, blocks, read, section

MAKEFILE = read(ROOT / "Makefile")


def test_ci_runs_what_contributors_run() -> None:
    """CI's script is the three commands that CONTRIBUTING.md tells, and nothing else."""
    script = ROOT / ".ci" / "run"
    lines = [line for line in read(script).splitlines() if line and not line.startswith(("#", "set ", "cd "))]
    [told, *_] = blocks(section(read(ROOT / "CONTRIBUTING.md"), "Begin"))

    assert lines == told.text.split("\n")[:-1] == ["make install", "make check", "make test"]
    assert "set -euo pipefail" in read(script)
    assert os.access(script, os.X_OK)


def test_commits_are_checked_by_the_tools_of_make_check() -> None:
    """The pre-commit hooks are the commands of `make check`."""
    found = re.search(r"^check:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    assert found
    checks = [line.strip().removeprefix("@$(BIN)/") for line in found[1].splitlines()]
    hooks = re.findall(r"^ +entry: \.venv/bin/(.*)$", read(ROOT / ".pre-commit-config.yaml"), re.MULTILINE)

    assert hooks == checks


def test_licence_is_the_one_that_is_declared() -> None:
    """LICENSE is the MIT licence that pyproject.toml and README name."""
    text = read(ROOT / "LICENSE")

    assert text.startswith("MIT License\n\nCopyright (c) 2026 The Shillings authors\n")
    assert 'license = "MIT"' in read(ROOT / "pyproject.toml")
    assert "[MIT](LICENSE)" in read(ROOT / "README.md")
