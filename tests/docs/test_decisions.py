"""The pages of decisions: each has the same parts, and ends with what enforces it."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

from tests.pages import ROOT, read, section

DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
PARTS = ["Context", "Decision", "What else was tried", "Consequences", "Enforced by"]
LINES_MAX = 60


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_decision_is_one_page_of_five_parts(page: Path) -> None:
    """A decision has context, decision, alternatives, consequences and what enforces it, in one page."""
    assert re.findall(r"^## (.*)$", read(page), re.MULTILINE) == PARTS
    assert len(read(page).splitlines()) <= LINES_MAX


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_decision_is_enforced(page: Path) -> None:
    """Every line of the last part names a test or an import contract that is there."""
    lines = section(read(page), "Enforced by").strip().splitlines()

    assert lines
    for line in lines:
        found = re.fullmatch(r'- (?:`(tests/[\w/]+\.py)::(test_\w+)`|import-linter: "(.+)")', line)
        assert found, line
        path, test, contract = found.groups()
        assert contract in _contracts() if contract else test in _functions(ROOT / path), line


def test_decisions_are_found_from_the_architecture() -> None:
    """The architecture page leads to every decision."""
    text = read(ROOT / "docs" / "architecture.md")

    assert len(DECISIONS) >= 8
    assert [page.name for page in DECISIONS if f"(decisions/{page.name})" not in text] == []


def _functions(path: Path) -> set[str]:
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return {node.name for node in ast.walk(ast.parse(read(path))) if isinstance(node, kinds)}


def _contracts() -> set[str]:
    settings = tomllib.loads(read(ROOT / "pyproject.toml"))
    return {contract["name"] for contract in settings["tool"]["importlinter"]["contracts"]}
