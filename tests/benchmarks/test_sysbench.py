"""What sysbench says, and what its script does to a real database."""

import subprocess

import pytest

from benchmarks.filling import Filling
from benchmarks.sysbench import Sysbench, SysbenchFailed, read_report
from deploy.local.mariadb import MariaDB
from deploy.local.shillings import PROGRAM, settings_environment
from shillings.audit.auditor import Auditor
from tests.programs import require_programs

_REPORT = """
Latency histogram (values are in milliseconds)
       value  ------------- distribution ------------- count
       1.032 |***                                      10
       1.050 |**************************************** 88
       9.220 |*                                        2

SQL statistics:
    transactions:                        100    (99.9 per sec.)

General statistics:
    total time:                          2.0012s
    total number of events:              100
"""


def test_a_report_is_read() -> None:
    """Count, time and the whole distribution are taken from a report."""
    found = read_report(_REPORT)

    assert (found.count, found.seconds, len(found.latencies)) == (100, 2.0012, 100)
    assert found.latencies.quantile(0.5) == pytest.approx(1050, rel=0.01)
    assert found.latencies.quantile(0.99) == pytest.approx(9220, rel=0.01)


def test_what_is_no_report_is_refused() -> None:
    """Anything else is an error with the words that were said."""
    with pytest.raises(SysbenchFailed, match="FATAL: no such table"):
        read_report("FATAL: no such table")


def test_the_script_keeps_the_books(mariadb: MariaDB, fresh_database_url: str) -> None:
    """Payments of many connections at once leave a ledger in which everything adds up."""
    require_programs("sysbench")
    environment = settings_environment({"DATABASE_URL": fresh_database_url})
    subprocess.run([PROGRAM, "migrate"], env=environment, check=True, stdout=subprocess.DEVNULL)
    name = fresh_database_url.rpartition("/")[2].partition("?")[0]
    with mariadb.connect(name) as connection:
        list(Filling(connection, users=5).run())

        payments = Sysbench(mariadb, name, users=5).pay(connections=8, seconds=1)

        with Auditor(fresh_database_url) as auditor:
            auditor.audit().require_clean()
        with connection.cursor() as cursor:
            cursor.execute("SELECT (SELECT COUNT(*) FROM transactions) - 5, (SELECT COUNT(*) FROM idempotency_keys)")
            assert cursor.fetchone() == (payments.count, payments.count)
