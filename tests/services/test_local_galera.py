"""The Galera cluster that tests and `make prod-cluster` start."""

from pathlib import Path

from deploy.local.galera import Galera, GaleraNode
from tests.programs import require_programs


def _write(node: GaleraNode, statement: str) -> None:
    with node.connect("shillings") as connection, connection.cursor() as cursor:
        cursor.execute(statement)


def _numbers(node: GaleraNode) -> list[int]:
    with node.connect("shillings") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT n FROM numbers ORDER BY n")
        return [row[0] for row in cursor.fetchall()]


def test_a_cluster_loses_a_node_and_gets_it_back() -> None:
    """Every node sees what another wrote, two go on without the third, and it catches up when it is back."""
    require_programs("mariadbd", "mariadb-backup", "ss", galera=True)
    with Galera() as cluster:
        first, second, third = cluster.nodes
        assert cluster.size == 3
        _write(first, "CREATE TABLE numbers (n INT PRIMARY KEY) ENGINE=InnoDB")
        _write(second, "INSERT INTO numbers VALUES (1)")
        assert _numbers(third) == [1]

        third.kill()
        _write(first, "INSERT INTO numbers VALUES (2)")
        assert cluster.size == 2

        third.start()
        assert cluster.size == 3
        assert _numbers(third) == [1, 2]


def test_a_cluster_that_was_killed_is_founded_again_by_who_knows_most(tmp_path: Path) -> None:
    """Two nodes miss a change and then all are gone: the next start begins with the one that has it."""
    require_programs("mariadbd", "mariadb-backup", "ss", galera=True)
    with Galera(tmp_path) as cluster:
        first, second, third = cluster.nodes
        _write(first, "CREATE TABLE numbers (n INT PRIMARY KEY) ENGINE=InnoDB")
        first.kill()
        _write(third, "INSERT INTO numbers VALUES (1)")
        second.kill()
        third.kill()

    with Galera(tmp_path) as again:
        assert again.size == 3
        assert [_numbers(node) for node in again.nodes] == [[1]] * 3
