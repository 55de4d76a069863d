"""What the books say of themselves: the one currency they are kept in.

Amounts are stored in minor units, so a server set to another currency, or to other decimals, would read every one of
them wrong, and nothing would show it.
"""

from contextlib import suppress

import sqlalchemy as sa

from shillings.base.errors import SettingsError
from shillings.storage.tables import books

THE_ONE = 1
"""The key of the table's only row: a second server that starts at the same moment cannot write another."""


def require_currency(engine: sa.Engine, currency: str, decimals: int) -> None:
    """Keep the currency with the books when nobody has yet; else refuse another one.

    Raises:
        SettingsError: the books are kept in another currency, or with other decimals.
    """
    with engine.connect() as connection:
        found = connection.execute(sa.select(books.c.currency, books.c.decimals)).first()
        if found is None:
            # Another server that started at the same moment may have written its own.
            with suppress(sa.exc.IntegrityError):
                connection.execute(sa.insert(books).values(books_id=THE_ONE, currency=currency, decimals=decimals))
            found = connection.execute(sa.select(books.c.currency, books.c.decimals)).one()
    kept = (str(found[0]), int(found[1]))
    if kept != (currency, decimals):
        raise SettingsError(
            f"the books are kept in {kept[0]} with {kept[1]} decimals, and this server is set to {currency} with"
            f" {decimals}. Set SHILLINGS_CURRENCY={kept[0]} and SHILLINGS_CURRENCY_DECIMALS={kept[1]},"
            " or choose another database"
        )
