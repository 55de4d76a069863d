"""MySQL and MariaDB, and what speaks as they do: a server that many use, several statements to a packet."""

from typing import IO, Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.pool import NullPool

from shillings.base.errors import SettingsError
from shillings.storage.engines.base import Dialect, ErrorKind, Placement, Rows, Send

IDENTITY_THREADS = 4
CONNECT_SECONDS_MAX = 2
READ_SECONDS_MAX = 30
"""A database that says nothing for this long counts as lost."""

LOCK_WAIT_SECONDS_MAX = 3
"""InnoDB's default of 50 s would outlive every caller."""

IDLE_TRANSACTION_SECONDS_MAX = 2
"""An application server that stops in the middle of a transaction, or whose machine vanishes, holds its wallets no
longer than this. What it had not committed is undone. (A connection that nobody closes would hold them for hours.)"""


_PINNED = (
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES,NO_ENGINE_SUBSTITUTION',"
    " character_set_client = utf8mb4, character_set_results = utf8mb4, character_set_connection = utf8mb4,"
    " time_zone = '+00:00', completion_type = NO_CHAIN, unique_checks = 1, sql_safe_updates = 0,"
    " sql_select_limit = 18446744073709551615 /*M!, check_constraint_checks = 1 */"
)
"""What statements mean must not depend on what the server's settings, its `init_connect` or the URL say. It is said in
the connect call, before SQLAlchemy looks: it quotes names as it finds the server does."""


class IdleGuard(NamedTuple):
    """What bounds an idle transaction on servers that only know how to bound an idle connection (MySQL, TiDB).

    A connection that says nothing for too long is closed, which undoes its transaction. Outside of transactions it may
    be as quiet as it likes, so the bound travels with each BEGIN, and is lifted with each COMMIT and ROLLBACK.
    """

    before: str
    after: str


_IDLE_GUARD = "idle_guard"
"""Where a connection keeps its guard, in SQLAlchemy's `info`."""

# 1213 deadlock, 1205 lock wait, 1020 record changed, 3101 another member of the group was faster; TiDB's 8002, 8022,
# 8028, 9007: write conflict or schema change, rolled back.
_CONFLICT_CODES = {1213, 1205, 1020, 3101, 8002, 8022, 8028, 9007}
# The client's own (2000 and up), the server stopping, the connection killed or cut off, its statement interrupted: with
# 1317 both MariaDB and MySQL say that they were told to end it, or that they are stopping. 1047 and 1180 are a Galera
# node's words when it is cut off from the others. From its COMMIT they say nothing: the others may have applied it.
_LOST_CODES = {
    0, 1047, 1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1180, 1184, 1317, 1927,
    2000, 2002, 2003, 2006, 2013, 2014, 2055, 3169, 4031,
}  # fmt: skip
# The driver's own, not the server's: there is no connection, or it lost its place among the packets and closed it.
_LOST_KINDS = {("InterfaceError", None), ("InternalError", None)}
# Disk full (1021, 1026, 1030, 1114), too many connections or transactions (1040, 1203, 1226, 1637), out of memory, not
# in its group (3100), read-only (1290, 1836, 1874), offline (3032), taken for an attacker (1129), a statement
# that the server lets run no longer (1969, 3024).
_UNAVAILABLE_CODES = {
    3, 5, 28, 1021, 1023, 1026, 1030, 1040, 1041, 1114, 1129, 1203, 1226, 1290, 1637, 1836, 1874,
    1969, 3024, 3032, 3100, 3168,
}  # fmt: skip


class MySQL(Dialect):
    """See Dialect."""

    name = "mysql"
    prefixes = ("mysql+pymysql://", "mariadb+pymysql://")
    begin = "BEGIN"
    for_update = " FOR UPDATE"
    is_embedded = False
    executors = {  # noqa: RUF012
        "ledger": Placement(),
        "identity": Placement(IDENTITY_THREADS),
        "accounts": Placement(),
        "history": Placement(),
    }

    changed = "ROW_COUNT()"
    # Each bound row would be a round trip of its own.
    or_ignore = "IGNORE"
    binds_rows = False

    def require(self, condition: str) -> str:
        """See Dialect. SET has no rows to answer with, which a SELECT would have; EXP(1000) is out of range."""
        return f"SET @required = IF({condition}, 1, EXP(1000))"

    def sender(self, connection: sa.Connection) -> Send:
        """See Dialect. All statements are one packet. The server stops at the first that fails."""
        from shillings.storage.engines.mysql_cursor import send_packet

        driver, guard = connection.connection.dbapi_connection, connection.info.get(_IDLE_GUARD)

        def send(statements: tuple[str, ...]) -> list[Rows]:
            before, after = _around(guard, statements)
            answers = send_packet(driver, ";".join((*before, *statements, *after)))
            return answers[len(before) : len(before) + len(statements)]

        return send

    def classify(self, error: Exception) -> ErrorKind | None:
        """See Dialect. Errors are known by their numbers, so that neither the driver nor its version matters."""
        code = error.args[0] if error.args and isinstance(error.args[0], int) else None
        if isinstance(error, OSError | EOFError):
            return None
        if code in _CONFLICT_CODES:
            return ErrorKind.CONFLICT
        if code in _LOST_CODES or (type(error).__name__, code) in _LOST_KINDS:
            return ErrorKind.CONNECTION_LOST
        if code in _UNAVAILABLE_CODES:
            return ErrorKind.UNAVAILABLE
        return None

    def make_engine(self, url: str, *, writes: bool = True) -> sa.Engine:  # noqa: ARG002
        """See Dialect. Every connection may write: what only reads has connections of its own all the same."""
        try:
            from pymysql.constants import CLIENT

            from shillings.storage.engines.mysql_cursor import Cursor
        except ImportError:
            raise SettingsError(
                "SHILLINGS_DATABASE_URL is MySQL's, and PyMySQL is missing: pip install 'shillings[mysql]'"
            ) from None
        engine = sa.create_engine(
            url,
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            hide_parameters=True,
            connect_args={
                "client_flag": CLIENT.MULTI_STATEMENTS,
                "charset": "utf8mb4",
                "sql_mode": None,
                "init_command": _PINNED,
                "cursorclass": Cursor,
                "connect_timeout": CONNECT_SECONDS_MAX,
                "read_timeout": READ_SECONDS_MAX,
                "write_timeout": READ_SECONDS_MAX,
            },
        )
        event.listen(engine, "connect", _prepare)
        return engine

    def require_there(self, connection: sa.Connection) -> None:
        """See Dialect. A server that ends closes its connections."""

    def missing_in(self, url: sa.URL) -> str:
        """See Dialect."""
        if not url.database or not (url.host or "unix_socket" in url.query):
            return "must name a host and a database: mysql+pymysql://user:password@host:3306/name"
        return ""

    def prepare(self, url: str) -> None:
        """See Dialect. Whoever runs the server has made the database."""

    def claim(self, url: str) -> IO[str] | None:
        """See Dialect. Any number of servers may share one database."""

    def risks(self, connection: sa.Connection) -> list[str]:
        """See Dialect."""
        rows = connection.exec_driver_sql(
            "SHOW GLOBAL VARIABLES WHERE Variable_name IN"
            " ('innodb_flush_log_at_trx_commit', 'innodb_doublewrite', 'log_bin', 'sync_binlog', 'wsrep_on')"
        )
        found: dict[str, str] = {row[0]: row[1] for row in rows}
        sentences = []
        flush = found.get("innodb_flush_log_at_trx_commit", "1")
        if flush != "1":
            sentences.append(
                f"innodb_flush_log_at_trx_commit is {flush};"
                " with anything but 1 a crash loses up to a second of commits."
            )
        if found.get("innodb_doublewrite", "ON") not in ("ON", "1", "DETECT_AND_RECOVER"):
            sentences.append("innodb_doublewrite is off; a power cut can tear pages beyond repair.")
        if found.get("log_bin") == "ON" and found.get("sync_binlog") != "1":
            sentences.append(
                f"the binary log is on and sync_binlog is {found.get('sync_binlog')}; recovery trusts the binary log,"
                " so it must be 1."
            )
        return sentences


def _around(guard: IdleGuard | None, statements: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What goes before and after these statements, so that nobody who stops in a transaction keeps its locks."""
    if guard is None:
        return (), ()
    before = (guard.before,) if statements[0] == MySQL.begin else ()
    after = (guard.after,) if statements[-1] in ("COMMIT", "ROLLBACK") else ()
    return before, after


def _prepare(connection: Any, record: Any) -> None:
    """Make a new connection ready."""
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
        cursor.execute(f"SET SESSION innodb_lock_wait_timeout = {LOCK_WAIT_SECONDS_MAX}")
        cursor.execute("SHOW VARIABLES WHERE Variable_name IN ('idle_transaction_timeout', 'wsrep_on')")
        there: dict[str, str] = dict(cursor.fetchall())
        if "idle_transaction_timeout" in there:
            cursor.execute(f"SET SESSION idle_transaction_timeout = {IDLE_TRANSACTION_SECONDS_MAX}")
        else:
            record.info[_IDLE_GUARD] = IdleGuard(
                before=f"SET SESSION wait_timeout = {IDLE_TRANSACTION_SECONDS_MAX}",
                after="SET SESSION wait_timeout = DEFAULT",
            )
        if there.get("wsrep_on") == "ON":
            # A node of a Galera cluster may lag behind the one we used before. Wait once until it has applied
            # everything the cluster has committed; from then on it is our only writer and cannot lag.
            cursor.execute("SET SESSION wsrep_sync_wait = 1")
            cursor.execute("START TRANSACTION")
            cursor.execute("COMMIT")
            cursor.execute("SET SESSION wsrep_sync_wait = 0")
