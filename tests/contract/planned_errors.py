"""Connections that fail where a test wants it."""

import threading
from collections.abc import Callable
from typing import Any

import pymysql
import pytest
import sqlalchemy as sa

from shillings.storage import executor as executors
from shillings.storage.engines import Rows
from shillings.storage.executor import Connection

CONFLICTS = {"deadlock": 1213, "lock wait": 1205, "changed record": 1020}


def database_error(code: int) -> pymysql.err.OperationalError:
    """An error as the database sends it."""
    return pymysql.err.OperationalError(code, "planned by a test")


class Plan:
    """What goes wrong: on the n-th round trip (trip, for short), before or after it was made, with which code.

    Args:
        failures: (trip, "before" or "after", code) for each failure; trips count from 0, those that only undo
            or check for a lost COMMIT included.
    """

    def __init__(self, *failures: tuple[int, str, int]) -> None:
        self._failures = {(trip, when): code for trip, when, code in failures}
        self.trips: list[tuple[str, ...]] = []

    @property
    def all_met(self) -> bool:
        """Whether everything planned has happened."""
        return not self._failures

    def meet(self, trip: int, when: str) -> None:
        """Raise what is planned here."""
        code = self._failures.pop((trip, when), None)
        if code is not None:
            raise database_error(code)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Make every connection of every executor follow this plan."""
        plan = self

        class Planned(Connection):
            def query(self, *statements: str) -> list[Rows]:
                if statements == ("ROLLBACK",):
                    return super().query(*statements)
                number = len(plan.trips)
                plan.trips.append(statements)
                plan.meet(number, "before")
                found = super().query(*statements)
                plan.meet(number, "after")
                return found

        monkeypatch.setattr(executors, "Connection", Planned)


class Paused(Connection):
    """A connection that stops before it commits, with all its locks, until it is let go on."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.at_commit = threading.Event()
        self.go_on = threading.Event()

    def commit(self, *statements: str) -> None:
        """Stop, then commit."""
        self.at_commit.set()
        assert self.go_on.wait(10), "nobody let it go on"
        super().commit(*statements)


class Overtaken(Connection):
    """A connection whose work is overtaken: `happens` is carried out just before its first INSERT or DELETE."""

    happens: Callable[[], object] | None = None

    def execute(self, statement: sa.Executable, parameters: Any = None) -> sa.CursorResult[Any]:
        """Let it happen, once, then go on."""
        if isinstance(statement, sa.Insert | sa.Delete) and self.happens is not None:
            happens, self.happens = self.happens, None
            happens()
        return super().execute(statement, parameters)
