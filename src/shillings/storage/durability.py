"""Whether an acknowledged payment survives a power cut, as far as the database's own settings tell."""

import sqlalchemy as sa

from shillings.storage.engine import SQLITE, Dialect


def risks(engine: sa.Engine, dialect: Dialect) -> list[str]:
    """One sentence for each setting that could lose an acknowledged payment; none when all is well."""
    with engine.connect() as connection:
        if dialect is SQLITE:
            return _sqlite_risks(connection)
        return _mysql_risks(connection)


def _sqlite_risks(connection: sa.Connection) -> list[str]:
    level = connection.exec_driver_sql("PRAGMA synchronous").scalar_one()
    if level < 2:
        return [f"SQLite's synchronous is {level}; 2 (FULL) is needed for a commit to reach the disk."]
    return []


def _mysql_risks(connection: sa.Connection) -> list[str]:
    rows = connection.exec_driver_sql(
        "SHOW GLOBAL VARIABLES WHERE Variable_name IN"
        " ('innodb_flush_log_at_trx_commit', 'innodb_doublewrite', 'log_bin', 'sync_binlog', 'wsrep_on')"
    )
    found: dict[str, str] = {row[0]: row[1] for row in rows}
    sentences = []
    flush = found.get("innodb_flush_log_at_trx_commit", "1")
    if flush != "1":
        sentences.append(
            f"innodb_flush_log_at_trx_commit is {flush}; with anything but 1 a crash loses up to a second of commits."
        )
    if found.get("innodb_doublewrite", "ON") not in ("ON", "1", "DETECT_AND_RECOVER"):
        sentences.append("innodb_doublewrite is off; a power cut can tear pages beyond repair.")
    if found.get("log_bin") == "ON" and found.get("sync_binlog") != "1":
        sentences.append(
            f"the binary log is on and sync_binlog is {found.get('sync_binlog')}; recovery trusts the binary log,"
            " so it must be 1."
        )
    return sentences
