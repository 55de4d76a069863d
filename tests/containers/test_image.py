"""The image that `make build` makes."""

import json

import pytest

from deploy.local.waiting import wait_until
from tests.containers.stack import Project


def test_image_has_no_secret(project: Project) -> None:
    """Built where deploy/.env is, no layer of the image and nothing of its history holds what is in there."""
    project.run("make", "deploy/.env")
    project.run("make", "build")
    (project.folder / "secrets").write_text("\n".join(project.secrets().values()))
    count = "grep --count --text --fixed-strings --file=secrets || true"

    assert project.run("sh", "-c", f"docker save shillings | {count}").split() == ["0"]
    assert project.run("sh", "-c", f"docker history --no-trunc shillings | {count}").split() == ["0"]


def test_image_has_no_tools(project: Project) -> None:
    """Nothing of the project but the service is in the image, and nothing of what built it."""
    names = [".env*", "hatchling", "pytest", "compose.yaml", "requirements-*", "*.whl"]
    options = [option for name in names for option in ("-name", name, "-o")][:-1]
    there = _run(project, "find", "/", "-xdev", "(", *options, ")", "-not", "-path", "/usr/share/*").split()

    assert there == []


def test_image_runs_as_nobody_in_particular(project: Project) -> None:
    """A container's user is number 10001, which owns nothing in the image but the folder for data."""
    assert project.run("docker", "run", "--rm", "--entrypoint", "id", "shillings", "-u").split() == ["10001"]
    assert _run(project, "find", "/", "-xdev", "-user", "shillings", "-not", "-path", "/proc/*").split() == ["/data"]


def test_asserts_are_kept(project: Project) -> None:
    """Python in the image stops at a false assert: they keep the ledger's promises."""
    with pytest.raises(AssertionError, match="false indeed"):
        _run(project, "python", "-c", "assert False, 'false indeed'")


def test_image_alone_is_a_service(project: Project) -> None:
    """Without arguments a container serves both layers on SQLite, read-only but for /data, without capabilities."""
    options = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--volume", "alone:/data"]
    project.run("docker", "run", "--detach", "--name", "alone", *options, "shillings")

    def health() -> str:
        [known] = json.loads(project.run("docker", "inspect", "alone"))
        return str(known["State"]["Health"]["Status"])

    try:
        wait_until(lambda: health() == "healthy", seconds=90, what="the container to be healthy", interval=0.2)
        ask = "from urllib.request import urlopen; print(urlopen('http://127.0.0.1:8080/readyz').status)"
        assert project.run("docker", "exec", "alone", "python", "-c", ask).split() == ["200"]
    finally:
        project.run("docker", "rm", "--force", "--volumes", "alone")


def _run(project: Project, *command: str) -> str:
    """What a command prints in a container of its own, as root, who sees everything."""
    return project.run("docker", "run", "--rm", "--user", "0", "--entrypoint", command[0], "shillings", *command[1:])
