#!/bin/bash
# At the first start: an initialised data directory, the database, its user, the administrator, and the account of the health
# check. Then, and at every later start, the server, with the options that were given.
set -euo pipefail

DATA=/var/lib/mysql
[[ "${1:-mariadbd}" == -* ]] && set -- mariadbd "$@"

# A text as an SQL literal.
quoted() {
  local text=${1//\\/\\\\}
  printf "'%s'" "${text//\'/\'\'}"
}

initialise() {
  local health sql
  : "${MARIADB_ROOT_PASSWORD:?}" "${MARIADB_DATABASE:?}" "${MARIADB_USER:?}" "${MARIADB_PASSWORD:?}"
  health=$(head -c 24 /dev/urandom | base64)
  sql=$(mktemp)
  cat >"$sql" <<SQL
DELETE FROM mysql.global_priv WHERE User = 'root' AND Host <> 'localhost';
FLUSH PRIVILEGES;
CREATE DATABASE \`$MARIADB_DATABASE\`;
CREATE USER $(quoted "$MARIADB_USER")@'%' IDENTIFIED BY $(quoted "$MARIADB_PASSWORD");
GRANT ALL ON \`$MARIADB_DATABASE\`.* TO $(quoted "$MARIADB_USER")@'%';
ALTER USER root@localhost IDENTIFIED BY $(quoted "$MARIADB_ROOT_PASSWORD");
CREATE USER healthcheck@localhost IDENTIFIED BY $(quoted "$health");
CREATE USER healthcheck@127.0.0.1 IDENTIFIED BY $(quoted "$health");
CREATE USER healthcheck@'::1' IDENTIFIED BY $(quoted "$health");
SQL
  [[ "${MARIADB_ROOT_HOST:-%}" == localhost ]] ||
    echo "CREATE USER root@'${MARIADB_ROOT_HOST:-%}' IDENTIFIED BY $(quoted "$MARIADB_ROOT_PASSWORD");" >>"$sql"
  mariadb-install-db --datadir="$DATA" --skip-test-db --auth-root-authentication-method=normal --extra-file="$sql" >/dev/null
  rm -f "$sql"
  (umask 077 && printf '[client]\nuser=healthcheck\npassword=%s\n' "$health" >"$DATA/.my-healthcheck.cnf")
}

if [[ "$1" == mariadbd ]]; then
  [[ -d "$DATA/mysql" ]] || initialise
fi
exec "$@"
