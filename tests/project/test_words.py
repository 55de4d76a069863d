"""Words: the field's own terms, and those of the glossary, instead of images."""

import re
from pathlib import Path

from tests.pages import code_words, read, rows
from tests.project.test_code import ROOT

IMAGES = ("visit", "crowd", "lane", "wish", "anew")
"""Words that once stood for a batch, concurrent requests, a connection, a fault that is asked for, and "again"."""

PLACES = ("src", "docs", "benchmarks", "deploy", "tests", "proto")
ENDINGS = {".py", ".pyi", ".md", ".template", ".proto", ".yaml", ".conf", ".lua"}


def texts() -> list[Path]:
    """Every file that people write or read."""
    inside = [path for place in PLACES for path in (ROOT / place).rglob("*") if path.suffix in ENDINGS]
    return [*inside, *ROOT.glob("*.md"), ROOT / "Makefile"]


def test_no_image_is_used_for_what_has_a_name() -> None:
    """None of the words that were images is used anywhere, unless the glossary has it."""
    glossary = {word for row in rows(read(ROOT / "docs" / "glossary.md")) for word in code_words(row[0])}
    image = re.compile(rf"\b(?:{'|'.join(word for word in IMAGES if word not in glossary)})(?:s|es)?\b", re.IGNORECASE)
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in texts()
        if path != Path(__file__)
        for number, line in enumerate(read(path).splitlines(), 1)
        if image.search(line)
    ]

    assert found == []


def test_the_glossary_is_in_order() -> None:
    """Each word is explained once, in a sentence that ends, with the file where it lives; each table is sorted."""
    text = read(ROOT / "docs" / "glossary.md")
    tables = [rows(part) for part in text.split("\n## ")[1:]]
    words = [[code_words(word)[0] for word, _, _ in table] for table in tables]

    assert sum(map(len, words)) == len({word for table in words for word in table}) > 40
    assert all(table == sorted(table) for table in words)
    assert all(meaning.endswith((".", "…", ".)")) for table in tables for _, meaning, _ in table)
    assert all(len(code_words(place)) == 1 for table in tables for _, _, place in table)
