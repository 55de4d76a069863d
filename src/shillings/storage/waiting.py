"""Waiting for a database that is not there yet: application servers often start before it."""

import random
import time

import sqlalchemy as sa
import structlog

from shillings.base.errors import SettingsError
from shillings.storage.engines import ErrorKind, classify, dialect_of

PAUSE_SECONDS_MIN, PAUSE_SECONDS_MAX = 0.1, 2.0

log = structlog.get_logger(__name__)


def wait_for_database(engine: sa.Engine, seconds_max: float) -> None:
    """Return as soon as the database answers. Logs when it is first missed and when it is there.

    Raises:
        SettingsError: it did not answer in time, or it refuses us (a wrong password, an unknown database).
    """
    ends = time.monotonic() + seconds_max
    pause, waiting = PAUSE_SECONDS_MIN, False
    where = engine.url.render_as_string(hide_password=True)
    while True:
        try:
            with engine.connect() as connection:
                connection.exec_driver_sql("SELECT 1")
        except sa.exc.DBAPIError as error:
            reason = str(error.orig)
            if classify(error) is ErrorKind.PERMANENT:
                raise SettingsError(f"the database {where} refuses us: {reason}") from None
            if dialect_of(str(engine.url)).is_embedded:
                # Nobody will bring the file while we wait.
                raise SettingsError(f"the database {where} cannot be used: {reason}") from None
            if time.monotonic() + pause > ends:
                raise SettingsError(
                    f"the database {where} did not answer within {seconds_max:g} s: {reason}."
                    " Start it, or set SHILLINGS_DATABASE_WAIT_SECONDS"
                ) from None
            if not waiting:
                log.warning("database_awaited", database=where, reason=reason)
            waiting = True
            time.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(pause * 2, PAUSE_SECONDS_MAX)
        else:
            if waiting:
                log.info("database_there", database=where)
            return
