"""Containers that die, hang, come and go while users pay: nothing is lost, nothing is doubled."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from deploy.local.waiting import wait_until
from tests.containers.stack import COMPOSE, ONE_OF_EACH, Stack

RED_SECONDS_MAX = 120.0
GREEN_SECONDS_MAX = 60.0


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_killed_container_comes_back(stack: Stack, name: str) -> None:
    """A container that is killed under load is started again, alone, and nothing acknowledged is lost or doubled."""
    stack.pay_through(f"container {name} killed", lambda: stack.crash(name), dies=(name,))


def test_web_servers_go_and_come(stack: Stack) -> None:
    """Five web servers become two under load, and five again, and nothing acknowledged is lost or doubled."""
    webs = {f"web-{number}" for number in range(1, 6)}

    def scale(count: int) -> set[str]:
        stack.project.run(*COMPOSE, "up", "--detach", "--no-deps", "--no-recreate", "--scale", f"web={count}", "web")
        return webs & stack.processes().keys()

    left: list[set[str]] = []

    def go_and_come() -> None:
        left.extend(map(scale, (2, 5)))

    stack.pay_through("five web servers became two, and five again", go_and_come, dies=("web-3", "web-4", "web-5"))

    assert [len(those) for those in left] == [2, 5]


def test_health_checks_tell_the_truth(stack: Stack) -> None:
    """Where processes hang, each health check that depends on them turns red, and green when they go on."""
    with _frozen(stack, ONE_OF_EACH):
        wait_until(
            lambda: {stack.health()[name] for name in ONE_OF_EACH} == {"unhealthy"},
            seconds=RED_SECONDS_MAX, what=f"{ONE_OF_EACH} to be unhealthy", interval=0.5,
        )  # fmt: skip
        assert stack.health()["web-2"] == "healthy"
    wait_until(
        lambda: set(stack.health().values()) == {"healthy"},
        seconds=GREEN_SECONDS_MAX, what="everything to be healthy again", interval=0.5,
    )  # fmt: skip


@contextmanager
def _frozen(stack: Stack, names: list[str]) -> Iterator[None]:
    """Processes that hang in the block, and go on after it."""
    try:
        stack.send_signal("STOP", names)
        yield
    finally:
        stack.send_signal("CONT", names)
