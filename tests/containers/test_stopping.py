"""The stack is stopped and started again, as the README says, and knows what it knew."""

from deploy.local.waiting import wait_until
from tests.containers.stack import READY_SECONDS_MAX, Stack


def test_data_outlive_the_containers(stack: Stack) -> None:
    """`make stop` removes the containers; `make start` makes new ones, in the foreground, which know every payment."""
    project = stack.project
    project.run("make", "stop")
    assert project.containers() == {}

    with project.in_foreground("make", "start"):
        wait_until(lambda: "nginx-1" in project.containers(), seconds=READY_SECONDS_MAX, what="nginx", interval=0.5)
        stack.wait_until_ready()
        assert [name for name in project.containers() if name.startswith("web-")] == ["web-1"]
        audit = stack.audit()
        assert audit.findings == []
        assert audit.looked_up > 0
    # Ctrl-C has stopped them in good order: none had to be killed.
    ended = {name: one["State"]["ExitCode"] for name, one in project.containers(every=True).items()}
    assert ended.keys() >= {"nginx-1", "web-1", "app-1-1", "app-2-1", "mariadb-1", "redis-1"}
    assert set(ended.values()) == {0}
    project.run("make", "stop")
