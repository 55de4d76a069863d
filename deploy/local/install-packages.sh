#!/usr/bin/env bash
# Makes sure that the servers which tests, benchmarks and `make prod-local` start are there: MariaDB with Galera,
# MySQL, HAProxy, Redis, nginx, Docker, and sysbench. Returns at once when they are. Nothing is started as a system service.
#
# MySQL is in Debian's unstable suite only, and cannot be installed beside MariaDB: it is unpacked into the user's cache
# directory instead (58 MB to download, once), unless the machine has a mysqld that is MySQL's own.
#
# When something is missing and cannot be installed, that is said loudly. It is an error only with CI=true:
# a developer without these servers still runs every test that does not need them.
set -euo pipefail

export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
POLICY=/usr/sbin/policy-rc.d
HERE=$(dirname "${BASH_SOURCE[0]}")
MYSQL="${XDG_CACHE_HOME:-$HOME/.cache}/shillings/mysql-server-core"

# One line for each package that is missing. A program counts however it came to be installed.
missing_packages() {
  local package program
  while read -r package program; do
    case "$program" in
      /*) [[ -e "$program" ]] || echo "$package" ;;
      *) command -v "$program" >/dev/null || echo "$package" ;;
    esac
  done <<'PROGRAMS'
mariadb-server mariadbd
mariadb-backup mariadb-backup
socat socat
redis-server redis-server
nginx-light nginx
haproxy haproxy
sysbench sysbench
galera-4 /usr/lib/galera/libgalera_smm.so
iproute2 ss
util-linux setpriv
nodejs node
npm npm
docker.io dockerd
docker.io docker
iptables iptables
mmdebstrap mmdebstrap
PROGRAMS
}

# Debian's MariaDB has a mysqld too, which is only another name for mariadbd.
has_mysql() {
  [[ -x "$MYSQL/usr/sbin/mysqld" ]] && return
  command -v mysqld >/dev/null && ! mysqld --no-defaults --version | grep -q MariaDB
}

unpack_mysql() {
  echo "Unpacking MySQL from Debian's unstable suite (once) into $MYSQL"
  "$HERE/unpack-debian.sh" unstable "$MYSQL" mysql-server-core
}

as_root() {
  if [[ $EUID -eq 0 ]]; then "$@"; else sudo -n "$@"; fi
}

# Debian starts a server when its package is installed, unless this file says no.
forbid_services() {
  [[ -e "$POLICY" ]] && return
  trap 'as_root rm -f "$POLICY"' EXIT
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$POLICY" >/dev/null
  as_root chmod 755 "$POLICY"
}

# With one argument for each package. The output is shown only when it failed.
install() {
  local log
  if ! command -v apt-get >/dev/null; then
    echo "This machine has no apt-get."
    return 1
  fi
  if ! as_root true 2>/dev/null; then
    echo "Installing needs root, or sudo without a password."
    return 1
  fi
  echo "Installing Debian packages (once): $*"
  forbid_services || return 1
  log=$(mktemp)
  if as_root apt-get update >"$log" 2>&1 &&
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 install -y \
      --no-install-recommends "$@" >>"$log" 2>&1; then
    rm -f "$log"
  else
    tail -n 20 "$log"
    rm -f "$log"
    return 1
  fi
}

complain() {
  {
    echo
    echo "############################################################################"
    echo "# These Debian packages are missing: $*"
    echo "# Tests that need them are SKIPPED. To have them:"
    echo "#   sudo apt-get install --no-install-recommends $*"
    echo "############################################################################"
    echo
  } >&2
}

complain_of_mysql() {
  {
    echo
    echo "############################################################################"
    echo "# MySQL is missing. Tests that need it are SKIPPED. To have it (Debian):"
    echo "#   $HERE/unpack-debian.sh unstable $MYSQL mysql-server-core"
    echo "############################################################################"
    echo
  } >&2
}

complete=true

mapfile -t missing < <(missing_packages | sort --unique)
if [[ ${#missing[@]} -gt 0 ]]; then
  install "${missing[@]}" || true
  mapfile -t missing < <(missing_packages | sort --unique)
fi
if [[ ${#missing[@]} -gt 0 ]]; then
  complain "${missing[@]}"
  complete=false
fi

if ! has_mysql && ! unpack_mysql; then
  complain_of_mysql
  complete=false
fi

$complete || [[ "${CI:-}" != "true" ]]
