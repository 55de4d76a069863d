#!/bin/bash
# As the official image's: every check that is named must succeed. --connect is over TCP, which a server that is only being
# initialised does not listen at.
set -euo pipefail

ask() {
  mariadb --defaults-file=/var/lib/mysql/.my-healthcheck.cnf --protocol="$1" --host=localhost --skip-column-names --execute "$2"
}

for check in "$@"; do
  case "$check" in
    --connect) ask tcp 'SELECT 1' >/dev/null ;;
    --innodb_initialized) [[ $(ask socket "SELECT 1 FROM information_schema.ENGINES WHERE engine='innodb' AND support IN ('YES','DEFAULT')") == 1 ]] ;;
    *) echo "unknown check: $check" >&2; exit 1 ;;
  esac
done
