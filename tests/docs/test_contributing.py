"""CONTRIBUTING.md: its places are there, and its made-up command works when it is added as the page says."""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

from tests.pages import ROOT, blocks, code_words, read, rows, section

PAGE = read(ROOT / "CONTRIBUTING.md")
IGNORED = shutil.ignore_patterns("__pycache__", "*.egg-info")

RUN = """\
from shillings.testing import ShillingsServer

{test}

with ShillingsServer() as server:
    test_text_comes_back(server.new_user("ann"))
    paths = server.client().send("GET", "/openapi.json").body["paths"]
print(sorted(paths["/v1/echo"]))
"""


def test_every_folder_has_its_place() -> None:
    """The table of places names every folder of the project and of its tests, and none that is not there."""
    places = {code_words(row[0])[0] for row in rows(section(PAGE, "Where things are"))}
    inside = {f"tests/{path.relative_to(ROOT / 'tests').parts[0]}/" for path in (ROOT / "tests").glob("*/**/*.py")}
    roots = {f"{name}/" for name in ("proto", "deploy", "benchmarks", "docs", ".ci")}

    assert places == inside | roots | {"src/shillings/"}
    assert all((ROOT / place).is_dir() for place in places)


def test_made_up_command_is_added_as_the_page_says(tmp_path: Path) -> None:
    """The steps for ECHO, done on a copy in the places that they name and in no other, make an endpoint that works."""
    for name in ("src", "proto"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=IGNORED)
    package = tmp_path / "src" / "shillings"
    steps = re.sub(r"^ {3}", "", section(PAGE, "How to add a command"), flags=re.MULTILINE)
    proto, command, endpoint, shapes, handler, line, test = [block.text for block in blocks(steps)]

    number, _, messages = proto.partition("\n")
    # The page has a number that is free on no particular day.
    _insert(
        tmp_path / "proto" / "shillings.proto", "  SGN = 1;  // sign up\n", re.sub(r"= \d+", "= 999", number) + "\n"
    )
    _append(tmp_path / "proto" / "shillings.proto", messages)
    _insert(package / "contract" / "commands.py", "\nFLT = ", command, before=True)
    _insert(package / "web" / "endpoints.py", "_ROWS: tuple[Endpoint, ...] = (\n", endpoint)
    _append(package / "web" / "shapes.py", f"\n\n{shapes}")
    _append(package / "app" / "echo.py", handler)
    _insert(package / "runtime" / "stack.py", "import structlog\n", "from shillings.app.echo import echo\n")
    _insert(package / "runtime" / "stack.py", "handlers: dict[Command, Handler] = {\n", textwrap.indent(line, " " * 12))
    environ = os.environ | {"PYTHONPATH": f"{tmp_path / 'src'}:{ROOT}"}
    subprocess.run([sys.executable, str(tmp_path / "proto" / "generate.py")], check=True)
    typed = subprocess.run(
        [sys.executable, "-m", "mypy", f"--config-file={ROOT / 'pyproject.toml'}", f"--cache-dir={tmp_path / 'cache'}",
         *[f"src/shillings/{name}.py" for name in ("contract/commands", "web/endpoints", "web/shapes", "app/echo")]],
        capture_output=True, text=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    ran = subprocess.run(
        [sys.executable, "-c", RUN.format(test=test)], capture_output=True, text=True, env=environ, check=False
    )

    assert (ran.stdout, ran.returncode) == ("['post']\n", 0), ran.stderr
    assert typed.returncode == 0, typed.stdout


def _insert(path: Path, anchor: str, text: str, *, before: bool = False) -> None:
    old = read(path)
    assert old.count(anchor) == 1, (path, anchor)
    path.write_text(old.replace(anchor, f"\n{text}{anchor}" if before else anchor + text))


def _append(path: Path, text: str) -> None:
    path.write_text((read(path) if path.exists() else "") + text)
