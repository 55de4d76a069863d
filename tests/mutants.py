"""Judge the mutants that mutmut makes: one collection of the tests, then a process for each mutant.

mutmut itself begins pytest once more for each mutant, and runs the tests that reach it in any order: some seconds each.
Here the tests are collected once. Each mutant gets a copy of that process, which first runs the tests that noticed its
neighbours, then the quickest. Verdicts are written where mutmut keeps its own, for `mutmut results` and `mutmut show`.

`make mutants` runs this file. It makes the mutants, and runs pytest with this file as a plugin.
"""

import contextlib
import fnmatch
import gc
import json
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from _pytest.runner import runtestprotocol

NOTICED, SURVIVED, NO_TESTS, HUNG = 1, 0, 33, 36
"""What mutmut calls killed, survived, no tests, timeout."""

WORDS = {NOTICED: "noticed ", SURVIVED: "SURVIVED", NO_TESTS: "NO TESTS", HUNG: "hung    "}

TEST_SECONDS_MAX = 20.0
"""So many seconds of tests judge one mutant: the quickest of those that reach it."""

PROCESSES = 2
FINDERS_MAX = 4
MADE_FIRST = "shillings.ledger.declined.*"
"""mutmut judges these few itself: so it makes the mutants, and notes which tests reach which function."""


class Mutant(NamedTuple):
    """One planted bug, the file with its verdict, and the tests that reach the function in which it is."""

    name: str
    file: Path
    function: str
    tests: list[pytest.Item]
    seconds: float


class Running(NamedTuple):
    """A mutant under test, and the process that tests it."""

    mutant: Mutant
    pid: int
    answer: int
    began: float
    scratch: Path


def main(pattern: str) -> None:
    """Make the mutants, where there are none yet, and judge those that are named so and have no verdict."""
    mutmut = [sys.executable, "-m", "mutmut"]
    settings = tomllib.loads(Path("pyproject.toml").read_text())["tool"]["mutmut"]
    subprocess.run([*mutmut, "run", "--max-children", "1", MADE_FIRST], check=True)
    subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "tests.mutants", "-q", "-s", f"--mutants={pattern}"),
            *settings["pytest_add_cli_args"],
            *settings["pytest_add_cli_args_test_selection"],
        ],
        cwd="mutants",
        env=os.environ | {"PYTHONPATH": "src", "PYTHONDONTWRITEBYTECODE": "1"},
        check=True,
    )
    subprocess.run([*mutmut, "results"], check=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    """What to judge."""
    parser.addoption("--mutants", default="*", help="names of mutants, as mutmut writes them")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    """Judge mutants, instead of running the tests."""
    gc.collect()
    gc.freeze()  # the copies share what was collected
    finders: dict[str, list[pytest.Item]] = defaultdict(list)
    running: list[Running] = []
    waiting = mutants(session.items, session.config.option.mutants)
    more = True
    while running or more:
        while more and len(running) < PROCESSES:
            mutant = next(waiting, None)
            more = mutant is not None
            if mutant is not None:
                running.append(begin(mutant, finders[mutant.function] + finders[mutant.file.name]))
        select.select([process.answer for process in running], [], [], 0.5)
        for process in list(running):
            verdict = ended(process)
            if verdict is None:
                continue
            running.remove(process)
            code, finder = verdict
            note(process.mutant, code)
            for place in (process.mutant.function, process.mutant.file.name):
                finders[place] = list(dict.fromkeys([*finder, *finders[place]]))[:FINDERS_MAX]
            print(f"{WORDS[code]} {time.monotonic() - process.began:5.1f} s  {process.mutant.name}", flush=True)
    return True


def mutants(items: list[pytest.Item], pattern: str) -> Iterator[Mutant]:
    """The mutants without a verdict, each with the tests that reach it.

    One of each function first, then a second one of each: so whenever it is stopped, what was judged is a fair sample.
    """
    stats = json.loads(Path("mutmut-stats.json").read_text())
    durations: dict[str, float] = stats["duration_by_test"]
    reach: dict[str, list[str]] = stats["tests_by_mangled_function_name"]
    by_name = {item.nodeid: item for item in items}
    found: list[tuple[int, Mutant]] = []
    for file in Path("src").rglob("*.meta"):
        codes: dict[str, int | None] = json.loads(file.read_text())["exit_code_by_key"]
        rounds = Counter(name.partition("__mutmut_")[0] for name, code in codes.items() if code is not None)
        for name in random.Random(1).sample(sorted(codes), len(codes)):
            if codes[name] is not None or not fnmatch.fnmatch(name, pattern):
                continue
            function = name.partition("__mutmut_")[0]
            rounds[function] += 1
            tests: list[pytest.Item] = []
            seconds = 0.0
            for test in sorted(set(reach.get(function, ())) & set(by_name), key=lambda test: durations[test]):
                seconds += durations[test]
                if seconds < TEST_SECONDS_MAX or not tests:
                    tests.append(by_name[test])
            mutant = Mutant(name, file, function, _by_module(tests), min(seconds, TEST_SECONDS_MAX))
            found.append((rounds[function], mutant))
    return iter([mutant for _, mutant in sorted(found, key=lambda one: (one[0], one[1].seconds, one[1].name))])


def _by_module(tests: list[pytest.Item]) -> list[pytest.Item]:
    """Keep those of one module together, because they share what is made once, in the order of each module's first."""
    modules: dict[Path, list[pytest.Item]] = {}
    for test in tests:
        modules.setdefault(test.path, []).append(test)
    return [test for module in modules.values() for test in module]


def begin(mutant: Mutant, first: list[pytest.Item]) -> Running:
    """Test a mutant in a copy of this process, with directories of its own."""
    memory = Path("/dev/shm")
    scratch = Path(tempfile.mkdtemp(prefix="mutant-", dir=memory if memory.is_dir() else None))
    answer, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        os.environ["MUTANT_UNDER_TEST"] = mutant.name
        os.environ["TMPDIR"] = os.environ["PYTEST_DEBUG_TEMPROOT"] = tempfile.tempdir = str(scratch)
        code = NOTICED
        with contextlib.suppress(BaseException):
            code = _judge(mutant, first, write)
        os._exit(code)
    os.close(write)
    return Running(mutant, pid, answer, time.monotonic(), scratch)


def _judge(mutant: Mutant, first: list[pytest.Item], write: int) -> int:
    tests = list(dict.fromkeys([*[test for test in first if test in mutant.tests], *mutant.tests]))
    if not tests:
        return NO_TESTS
    for test, following in zip(tests, [*tests[1:], None], strict=True):
        if any(report.failed for report in runtestprotocol(test, log=False, nextitem=following)):
            os.write(write, str(mutant.tests.index(test)).encode())
            return NOTICED
    return SURVIVED


def ended(process: Running) -> tuple[int, list[pytest.Item]] | None:
    """What was found, once it is: a verdict, and the test that noticed the bug."""
    mutant = process.mutant
    pid, status = os.waitpid(process.pid, os.WNOHANG)
    if not pid and time.monotonic() - process.began < 10 + 4 * mutant.seconds:
        return None
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    if not pid:
        os.waitpid(process.pid, 0)
    found = os.read(process.answer, 20).decode()
    os.close(process.answer)
    shutil.rmtree(process.scratch, ignore_errors=True)
    if not pid:
        return HUNG, []
    code = os.waitstatus_to_exitcode(status)
    return (code if code in WORDS else NOTICED), [mutant.tests[int(found)]] if found else []


def note(mutant: Mutant, code: int) -> None:
    """Write a verdict where mutmut keeps it."""
    meta: dict[str, Any] = json.loads(mutant.file.read_text())
    meta["exit_code_by_key"][mutant.name] = code
    mutant.file.write_text(json.dumps(meta, indent=4))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "*")
