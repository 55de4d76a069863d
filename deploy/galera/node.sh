#!/bin/bash
# The first process of a database container of compose.yaml. What it is given are the server's options.
#
# Alone, it is the image's own entry point. In a cluster it is a Galera node: GALERA_NODES names all of them, with commas
# between, and GALERA_NAME is this one. The first that is named founds the cluster, once, on what it has; the others are
# filled from a node that is there.
set -euo pipefail

[[ -n "${GALERA_NODES:-}" ]] || exec docker-entrypoint.sh mariadbd "$@"

DATA=/var/lib/mysql
STATE=$DATA/grastate.dat
# One that is back before the others have given it up keeps them from agreeing that they are a cluster without it.
REST_SECONDS=5

somebody_is_there() {
  local node
  for node in ${GALERA_NODES//,/ }; do
    [[ "$node" == "$GALERA_NAME" ]] || ! timeout 1 bash -c "exec 3<>/dev/tcp/$node/4567" 2>/dev/null || return 0
  done
  return 1
}

# Whether this is the very first start of the first node, or the node that left last. Nobody else may found a cluster.
may_found() {
  somebody_is_there && return 1
  if [[ -e "$STATE" ]]; then grep -q '^safe_to_bootstrap: 1' "$STATE"; else [[ "$GALERA_NAME" == "${GALERA_NODES%%,*}" ]]; fi
}

# All options are in a file: the programs that copy a node read it too.
export MYSQL_HOME=/tmp/node
mkdir -p "$MYSQL_HOME"
address=$(hostname --ip-address)
{
  echo '[mysqld]'
  printf '%s\n' "${@#--}"
  cat <<END
binlog-format=ROW
innodb-autoinc-lock-mode=2
wsrep-on=ON
wsrep-provider=/usr/lib/galera/libgalera_smm.so
wsrep-provider-options=gcache.size=128M;evs.keepalive_period=PT0.5S;evs.suspect_timeout=PT2S;evs.inactive_timeout=PT5S;evs.install_timeout=PT5S
wsrep-cluster-name=shillings
wsrep-cluster-address=gcomm://$GALERA_NODES
wsrep-node-name=$GALERA_NAME
wsrep-node-address=${address%% *}
wsrep-sst-method=$GALERA_COPY_METHOD
wsrep-sst-auth=mysql:
wsrep-sync-wait=1
END
} >"$MYSQL_HOME/my.cnf"
set --

# A node that was killed has not written down how far it came; InnoDB knows.
if [[ -e "$STATE" ]] && grep -q '^seqno: *-1' "$STATE"; then
  found=$(mariadbd "$@" --wsrep-recover 2>&1 | sed -n 's/.*Recovered position: *\([^ ]*\).*/\1/p' | tail -n 1)
  if [[ -n "$found" ]]; then
    echo "This node knows everything up to $found"
    set -- "$@" --wsrep-start-position="$found"
  fi
  sleep "$REST_SECONDS"
fi

if may_found; then
  set -- "$@" --wsrep-new-cluster
  # It looks for nobody, which would take it ten seconds for each.
  printf '%s\n' init-file=/galera/accounts.sql wsrep-cluster-address=gcomm:// >>"$MYSQL_HOME/my.cnf"
else
  # The entry point leaves a directory alone that has this: another node is going to fill it.
  mkdir -p "$DATA/mysql"
fi
exec docker-entrypoint.sh mariadbd "$@"
