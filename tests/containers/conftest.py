"""The stack in containers, started once as the README says. Tests leave it healed."""

import time
from collections.abc import Iterator

import pytest

from tests.containers.engine import Engine, require_engine
from tests.containers.stack import EVERY, Project, Relay, Stack
from tests.containers.stand_ins import make_stand_ins
from tests.figures import note, pytest_terminal_summary  # noqa: F401 - shown at the end of the run
from tests.production.production_stack import settle

SECONDS_MAX = 600
"""Of one test, with all that it is the first to need. The first run downloads."""

RECOVERY_SECONDS_MAX = 30.0
"""A database that was killed goes through its log first, and a machine that runs all of this is busy."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test here the time that making images takes, and spare starts of the stack.

    First those that need no stack, which would take their processors; last those that stop it.
    """
    turns = {"test_python": 0, "test_image": 1, "test_stopping": 3, "test_survival": 4}
    places = [place for place, item in enumerate(items) if item.path.parent.name == "containers"]
    ours = sorted((items[place] for place in places), key=lambda item: turns.get(item.path.stem, 2))
    for place, item in zip(places, ours, strict=True):
        items[place] = item
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(SECONDS_MAX))


@pytest.fixture(scope="package")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A copy of the project, and an engine in which the images are: the stand-ins, and that of `make build`."""
    require_engine()
    with Engine() as engine:
        began = time.monotonic()
        make_stand_ins(engine)
        made = time.monotonic()
        project = Project(engine, tmp_path_factory.mktemp("project") / "shillings")
        project.run("make", "build")
        note(f"containers: stand-ins made in {made - began:.0f} s, `make build` {time.monotonic() - made:.0f} s")
        yield project


@pytest.fixture(scope="package")
def started(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack after `make prod`, and users who pay on it."""
    began = time.monotonic()
    project.run("make", "prod")
    note(f"containers: `make prod` {time.monotonic() - began:.0f} s until everything is healthy")
    with Relay(tmp_path_factory.mktemp("entrance"), project.engine, "127.0.0.1", 8080) as entrance:
        payers = settle(entrance.port, project.secrets()["SHILLINGS_JWT_KEYS"], "user")
        yield Stack(payers=payers, project=project, entrance=entrance, recovery_seconds_max=RECOVERY_SECONDS_MAX)


@pytest.fixture
def stack(started: Stack) -> Stack:
    """The stack, running: started again if a test has stopped it."""
    if not started.project.running() >= set(EVERY):
        started.project.run("make", "prod")
    started.wait_until_ready()
    return started
