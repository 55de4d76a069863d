#!/usr/bin/env bash
# What `make test` says at its end. It fails where a group of tests failed, with one second chance: a test that failed
# while another group ran beside it is run once more, alone, with nothing beside it. It is named either way.
# Usage: REPORTS=folder tests/judge.sh PYTEST...   The folder has, for each group, GROUP.exit, GROUP.txt and failed-GROUP/.
set -uo pipefail

failed=0
for group in measured afterwards beside alone; do
    code=$(cat "$REPORTS/$group.exit" 2> /dev/null || echo "none: it was not run to its end")
    [[ $code == 0 ]] && continue
    echo "== tests/judge.sh: group '$group' failed, exit code $code"
    grep --extended-regexp '^(FAILED|ERROR|E  ) ' "$REPORTS/$group.txt"
    # 1 is "tests failed"; everything else, such as a crash, has no second chance. Nor has a test that was alone.
    if [[ $code != 1 || $group == alone ]]; then
        failed=1
        continue
    fi
    # Where no single test failed (too little was reached, say), pytest has nothing to run, which is a failure.
    "$@" -o cache_dir="$REPORTS/failed-$group" --last-failed --last-failed-no-failures none || failed=1
done
exit $failed
