#!/bin/bash
# Whether the server of this container takes statements: alone, as the image says; in a cluster, when it is in step with it.
set -euo pipefail
[[ -n "${GALERA_NODES:-}" ]] || exec healthcheck.sh --connect --innodb_initialized
mariadb --no-defaults --user=mysql --skip-column-names --execute "SHOW STATUS LIKE 'wsrep_local_state_comment'" | grep -qE 'Synced|Donor'
