"""Rules about the tests: each states its fact, none sleeps or is left out, and the unit tests mirror the source."""

import ast

from tests.project.test_code import FUNCTION_LINES_MAX, ROOT, functions

TESTS = sorted((ROOT / "tests").rglob("*.py"))
SLEEPS = {"time.sleep"}
LEAVES_OUT = {"pytest.skip", "pytest.mark.skip", "pytest.mark.skipif", "pytest.mark.xfail", "pytest.xfail"}
MAY_LEAVE_OUT = {"programs.py"}
"""Where a test is skipped because a program of the machine is missing."""


def test_every_test_states_its_fact() -> None:
    """A test is short enough to read at one go, and its docstring says in a sentence what it shows."""
    wrong = []
    for path in TESTS:
        for function in functions(path):
            if function.name.startswith("test_"):
                fact = ast.get_docstring(function) or ""
                if not fact.endswith(".") or "\n\n" in fact:
                    wrong.append(f"{path.name}: {function.name} states no fact")
                if (function.end_lineno or 0) - function.lineno >= FUNCTION_LINES_MAX:
                    wrong.append(f"{path.name}: {function.name} is long")

    assert wrong == []


def test_no_test_sleeps_or_is_left_out() -> None:
    """Tests wait for conditions, with a deadline; only a missing program leaves one out."""
    wrong = []
    for path in TESTS:
        forbidden = SLEEPS | (set() if path.name in MAY_LEAVE_OUT else LEAVES_OUT)
        used = {ast.unparse(node) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
        wrong += [f"{path.name}: {name}" for name in sorted(used & forbidden)]

    assert wrong == []


def test_unit_tests_mirror_the_source() -> None:
    """A unit test lies in the folder of what it tests, under its name where it tests one module."""
    source, units = ROOT / "src" / "shillings", ROOT / "tests" / "unit"
    folders = {path.relative_to(units).parent for path in units.rglob("test_*.py")}
    modules = {path.relative_to(source) for path in source.rglob("*.py")}
    roots = [path.name.removeprefix("test_") for path in units.glob("test_*.py")]

    assert all((source / folder).is_dir() for folder in folders)
    assert {name for name in roots if not any(str(module) == name for module in modules)} == set()
