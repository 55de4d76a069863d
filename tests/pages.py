"""The project's pages as tests read them: sections, fenced blocks, tables."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block: what language it says it is, and what is in it."""

    language: str
    text: str


def read(path: Path) -> str:
    """A page's text."""
    return path.read_text(encoding="utf-8")


def section(text: str, title: str) -> str:
    """What is under a heading, down to the next one of its level or above."""
    found = re.search(rf"^(#+) {re.escape(title)}$", text, re.MULTILINE)
    assert found, f"there is no heading {title!r}"
    rest = text[found.end() :]
    end = re.search(rf"^#{{1,{len(found[1])}}} ", _FENCE.sub(_blank, rest), re.MULTILINE)
    return rest[: end.start()] if end else rest


def blocks(text: str) -> list[Block]:
    """The fenced blocks, in order."""
    return [Block(language, content) for language, content in _FENCE.findall(text)]


def rows(text: str) -> list[list[str]]:
    """The cells of every table's rows, without headings and rules."""
    lines = re.findall(r"^\|(.*)\|$", _FENCE.sub(_blank, text), re.MULTILINE)
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)] for line in lines]
    rules = [number for number, row in enumerate(cells) if all(set(cell) == {"-"} for cell in row)]
    return [row for number, row in enumerate(cells) if number not in rules and number + 1 not in rules]


def code_words(cell: str) -> list[str]:
    """What is in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def _blank(fence: re.Match[str]) -> str:
    """As many characters, none of which begins a heading."""
    return re.sub(r"[^\n]", " ", fence[0])
