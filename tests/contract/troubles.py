"""Sessions that meet trouble where a test wants it."""

import threading
from typing import Any

import pymysql
import pytest

from shillings.storage import lanes
from shillings.storage.lanes import Rows, Session

CONFLICTS = {"deadlock": 1213, "lock wait": 1205, "changed record": 1020}


def database_error(code: int) -> pymysql.err.OperationalError:
    """An error as the database sends it."""
    return pymysql.err.OperationalError(code, "planned by a test")


class Plan:
    """What goes wrong: on the n-th visit, before or after it was made, with which code.

    Args:
        troubles: (visit, "before" or "after", code) for each trouble; visits count from 0, those that only undo
            or look for a lost COMMIT included.
    """

    def __init__(self, *troubles: tuple[int, str, int]) -> None:
        self._troubles = {(visit, when): code for visit, when, code in troubles}
        self.visits: list[tuple[str, ...]] = []

    @property
    def all_met(self) -> bool:
        """Whether everything planned has happened."""
        return not self._troubles

    def meet(self, visit: int, when: str) -> None:
        """Raise what is planned here."""
        code = self._troubles.pop((visit, when), None)
        if code is not None:
            raise database_error(code)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Make every session of every lane follow this plan."""
        plan = self

        class Planned(Session):
            def visit(self, *statements: str) -> list[Rows]:
                if statements == ("ROLLBACK",):
                    return super().visit(*statements)
                number = len(plan.visits)
                plan.visits.append(statements)
                plan.meet(number, "before")
                found = super().visit(*statements)
                plan.meet(number, "after")
                return found

        monkeypatch.setattr(lanes, "Session", Planned)


class Paused(Session):
    """A session that stops before it commits, with all its locks, until it is let go on."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.at_commit = threading.Event()
        self.go_on = threading.Event()

    def commit(self, *statements: str) -> None:
        """Stop, then commit."""
        self.at_commit.set()
        assert self.go_on.wait(10), "nobody let it go on"
        super().commit(*statements)
