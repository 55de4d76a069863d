"""Whether an acknowledged payment survives a power cut, as far as the database's own settings tell."""

import sqlalchemy as sa

from shillings.storage.engines import Dialect


def risks(engine: sa.Engine, dialect: Dialect) -> list[str]:
    """One sentence for each setting that could lose an acknowledged payment; none when all is well."""
    with engine.connect() as connection:
        return dialect.risks(connection)
