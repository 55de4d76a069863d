"""Rules about the code itself that no linter has."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from shillings.base.errors import Code
from shillings.contract import shillings_pb2 as wire
from shillings.ledger.outcomes import Outcome
from shillings.sandbox.faults import decline

ROOT = Path(__file__).parents[2]
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}
ENGINE = re.compile("sqlite|mysql|mariadb", re.IGNORECASE)
SOURCES = sorted(
    path
    for folder in ("src", "deploy", "benchmarks")
    for path in (ROOT / folder).rglob("*.py")
    if "shillings_pb2" not in path.name and "migrations" not in path.parts
)


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method of a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def words_of_code(path: Path) -> Iterator[str]:
    """The names and texts of a file's code: no comments, no docstrings."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        match node:
            case ast.Constant(str() as word) if id(node) not in docstrings:
                yield word
            case ast.Name(word) | ast.Attribute(_, word) | ast.alias(word) | ast.ImportFrom(str() as word):
                yield word


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_are_short(path: Path) -> None:
    """A file has at most 400 lines and a function at most 60, so that each can be read at one go."""
    assert len(path.read_text().splitlines()) <= FILE_LINES_MAX
    long = [f.name for f in functions(path) if (f.end_lineno or 0) - f.lineno + 1 > FUNCTION_LINES_MAX]
    assert long == []


def test_names_say_something() -> None:
    """No module or folder is called utils, helpers, manager or common."""
    names = {part.removesuffix(".py") for path in SOURCES for part in path.relative_to(ROOT).parts}
    assert names & EMPTY_NAMES == set()


def test_only_engines_tells_one_database_from_another() -> None:
    """No code outside storage/engines names an engine, but in URLs, for the types of columns, and in the auditor."""
    urls = {"runtime/settings.py", "runtime/stack.py", "storage/url.py", "testing/server.py"}
    package = ROOT / "src" / "shillings"
    files = {str(path.relative_to(package)): path for path in SOURCES if path.is_relative_to(package)}
    naming = {
        name
        for name, path in files.items()
        if not name.startswith("storage/engines/") and any(ENGINE.search(word) for word in words_of_code(path))
    }

    assert naming == {"audit/auditor.py", "storage/tables.py", *urls}


def test_codes_are_the_same_in_the_protocol() -> None:
    """The protocol's codes are errors.Code: the same names, numbers and order."""
    assert [(code.name, code.value) for code in Code] == list(wire.Code.items())


def test_outcomes_are_codes() -> None:
    """Every decision of the ledger is a code of the API under the same word."""
    assert {outcome.value for outcome in Outcome} <= {code.word for code in Code}


def test_every_refusal_of_the_ledger_can_be_had_by_a_fault() -> None:
    """The fault `decline` offers each outcome that is stored, but for success and what no user's operation can have."""
    stored = {outcome.value for outcome in Outcome if outcome.is_stored} - {"ok", "already_settled", "already_returned"}

    assert set(get_args(decline.Outcome)) == stored


def test_asserts_are_not_switched_off() -> None:
    """Nothing that starts Shillings removes asserts: they keep the ledger's promises."""
    texts = [(ROOT / name).read_text() for name in ("Makefile", "deploy/compose.yaml")]
    texts += [path.read_text() for path in (ROOT / "deploy" / "local").glob("*.py")]
    assert not any("python -O" in text or "PYTHONOPTIMIZE=" in text for text in texts)
