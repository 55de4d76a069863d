"""The Galera cluster that tests start."""

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
