"""Figures that tests measured, shown at the end of the run: how long, how many, how many wrong."""

from collections.abc import Iterator

import pytest

_figures: list[str] = []


def note(figure: str) -> None:
    """Keep one sentence for the end of the run."""
    _figures.append(figure)


@pytest.hookimpl(wrapper=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    """Show the figures, once. A conftest.py that wants them shown imports this."""
    yield
    if _figures:
        terminalreporter.section("figures")
    while _figures:
        terminalreporter.write_line(_figures.pop(0))
