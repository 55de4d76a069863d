#!/usr/bin/env bash
# Makes sure that the servers which tests, benchmarks and `make prod-local` start are installed: MariaDB with
# Galera, Redis, nginx, and sysbench. Returns at once when they are. Nothing is started as a system service.
#
# When something is missing and cannot be installed, that is said loudly. It is an error only with CI=true:
# a developer without these servers still runs every test that does not need them.
set -euo pipefail

export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
POLICY=/usr/sbin/policy-rc.d

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
redis-server redis-server
nginx-light nginx
sysbench sysbench
galera-4 /usr/lib/galera/libgalera_smm.so
rsync rsync
iproute2 ss
util-linux setpriv
PROGRAMS
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

mapfile -t missing < <(missing_packages)
[[ ${#missing[@]} -eq 0 ]] && exit 0

install "${missing[@]}" || true
mapfile -t missing < <(missing_packages)
[[ ${#missing[@]} -eq 0 ]] && exit 0

complain "${missing[@]}"
[[ "${CI:-}" != "true" ]]
