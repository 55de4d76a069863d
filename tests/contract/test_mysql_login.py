"""How the service logs in to MySQL, whose accounts use caching_sha2_password."""

import pytest
import sqlalchemy as sa

from deploy.local.mysql import MySQL
from shillings.base.errors import SettingsError
from shillings.storage.engines import make_engine
from shillings.storage.waiting import wait_for_database


@pytest.fixture
def unmet(mysql: MySQL) -> MySQL:
    """A MySQL that remembers no password: the next login must prove its own in full."""
    with mysql.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT plugin FROM mysql.user WHERE user = 'shillings'")
        assert cursor.fetchall() == (("caching_sha2_password",),)
        cursor.execute("FLUSH PRIVILEGES")
    return mysql


def cipher(url: str) -> str:
    """With which cipher the service's own connection is encrypted; empty when it is not."""
    engine = make_engine(url)
    with engine.connect() as connection:
        found = str(connection.exec_driver_sql("SHOW STATUS LIKE 'Ssl_cipher'").one()[1])
    engine.dispose()
    return found


def test_login_uses_tls_where_the_server_has_it(unmet: MySQL) -> None:
    """A URL that says nothing about TLS gets it, as MySQL makes itself a certificate."""
    assert cipher(unmet.url)


def test_login_checks_the_certificate(unmet: MySQL) -> None:
    """With the authority's certificate in the URL the server's is checked, and a stranger's is refused."""
    checked = f"{unmet.url}&ssl_check_hostname=false&ssl_ca="
    assert cipher(f"{checked}{unmet.authority_path}")

    engine = make_engine(f"{checked}{unmet.data_directory / 'client-cert.pem'}")
    with pytest.raises(sa.exc.OperationalError, match="CERTIFICATE_VERIFY_FAILED"):
        engine.connect()


def test_login_without_tls(unmet: MySQL) -> None:
    """Without TLS the password travels under the server's public key, at the first login and at a later one."""
    for _ in range(2):
        assert cipher(f"{unmet.url}&ssl_disabled=1") == ""


@pytest.mark.parametrize("tls", ["", "&ssl_disabled=1"])
def test_wrong_password_is_refused_with_a_sentence(unmet: MySQL, tls: str) -> None:
    """A password that is wrong ends the start at once, and is not told."""
    engine = make_engine(unmet.url.replace("local-only", "not-the-word") + tls)
    with pytest.raises(SettingsError, match=r"the database .* refuses us: .*Access denied") as caught:
        wait_for_database(engine, 5)
    assert "not-the-word" not in str(caught.value)
