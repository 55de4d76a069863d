"""RESULTS.md: parts that are written by different runs, each of which leaves the others as they are."""

from pathlib import Path

_TITLE = """\
# How fast Shillings is

This file and `results.svg` are written by `make bench` and `make bench-scale`; docs/performance.md says how it is
measured.
"""

PARTS = ("rates", "scale")
"""In the order in which they are in the file."""


def write_part(path: Path, name: str, text: str) -> None:
    """Write one part of the file again; make the file if there is none."""
    assert name in PARTS, "the file's parts are known"
    old = path.read_text() if path.exists() else ""
    parts = {part: text if part == name else _read_part(old, part) for part in PARTS}
    body = "\n".join(f"{_begin(part)}\n\n{found.strip()}\n\n{_end(part)}\n" for part, found in parts.items() if found)
    path.write_text(f"{_TITLE}\n{body}")


def table(heads: list[str], rows: list[list[str]]) -> str:
    """A Markdown table; every column but the first is of figures, so it is set to the right.

    >>> print(table(["what", "rate"], [["pay", "7"]]))
    | what | rate |
    | --- | ---: |
    | pay | 7 |
    """
    rule = ["---", *["---:"] * (len(heads) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in [heads, rule, *rows])


def milliseconds(value: float) -> str:
    """A duration, with as many digits as mean something.

    >>> milliseconds(0.1234), milliseconds(12.34), milliseconds(1234.5)
    ('0.12', '12.3', '1,234')
    """
    return f"{value:,.2f}" if value < 10 else f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def _begin(name: str) -> str:
    return f"<!-- {name}: begin -->"


def _end(name: str) -> str:
    return f"<!-- {name}: end -->"


def _read_part(text: str, name: str) -> str:
    _, found, rest = text.partition(_begin(name))
    return rest.partition(_end(name))[0] if found else ""
