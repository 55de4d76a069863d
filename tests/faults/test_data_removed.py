"""The data are removed under a running server: it notices, acknowledges nothing, and goes on when they are back."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.service import Service


def _move_folder(data: Path) -> Callable[[], object]:
    """Move the data directory; return how it comes back."""
    elsewhere = data.with_name("elsewhere")
    data.rename(elsewhere)
    return lambda: elsewhere.rename(data)


def _replace_folder(data: Path) -> Callable[[], object]:
    """Put an empty directory in the place of the data directory."""
    back = _move_folder(data)
    data.mkdir()

    def undo() -> None:
        shutil.rmtree(data)
        back()

    return undo


def _move_file(data: Path) -> Callable[[], object]:
    """Move the database's file."""
    file, elsewhere = data / "shillings.db", data / "elsewhere.db"
    file.rename(elsewhere)
    return lambda: elsewhere.rename(file)


@pytest.mark.parametrize("remove", [_move_folder, _replace_folder, _move_file])
def test_data_that_are_gone_are_noticed(tmp_path: Path, remove: Callable[[Path], Callable[[], object]]) -> None:
    """With its data gone a server is not ready and acknowledges nothing; nothing is made in their place."""
    with Service(tmp_path) as service:
        ann = service.new_user("ann", "10.00")

        bring_back = remove(service.data_dir)
        refused = [
            ann.top_up("1.00"),
            ann.send("GET", "/v1/account"),
            ann.send("GET", "/v1/transactions"),
            ann.client.sign_up("bob@example.com"),
            ann.client.send("GET", "/readyz"),
        ]
        made = (service.data_dir / "shillings.db").exists()
        bring_back()
        service.wait_until_ready(5)

        assert {answer.outcome for answer in refused} == {(503, "unavailable")}
        assert not made
        assert ann.top_up("1.00").outcome == (200, "ok")
        assert ann.account()["balance"] == "11.00"
        assert "is gone, or another is in its place" in service.output


def test_data_that_are_removed_are_noticed(tmp_path: Path) -> None:
    """With its data removed for good a server goes on saying so."""
    with Service(tmp_path) as service:
        ann = service.new_user("ann", "10.00")
        shutil.rmtree(service.data_dir)

        for _ in range(3):
            assert ann.top_up("1.00").outcome == (503, "unavailable")
            assert ann.client.send("GET", "/readyz").outcome == (503, "unavailable")
        assert not service.data_dir.exists()
