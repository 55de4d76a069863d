"""What a database URL must name, checked before anybody waits for a database that cannot be there."""

import sqlalchemy as sa

from shillings.base.errors import SettingsError
from shillings.storage.engines import dialect_of

PORT_MAX = 65_535

_VARIABLE = "SHILLINGS_DATABASE_URL"


def require_complete(url: str) -> None:
    """Refuse a URL that names no database, or none that we know.

    Raises:
        SettingsError: the sentence says what is missing; it never repeats the URL, which holds a password.
    """
    try:
        parts = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        raise SettingsError(f"{_VARIABLE} is not a URL such as mysql+pymysql://user:password@host:3306/name") from None
    missing = dialect_of(url).missing_in(parts)
    if missing:
        raise SettingsError(f"{_VARIABLE} {missing}")
    if parts.port is not None and not 0 < parts.port <= PORT_MAX:
        raise SettingsError(f"{_VARIABLE} has port {parts.port}; there is none such")
