#!/usr/bin/env bash
# One command from this checkout to a finished report: trains on a host that your own ssh reaches, with the code as it
# lies here, shows the run live, copies its results to runs/ every minute, and fetches the branch with one commit a
# stage at the end. Ctrl-C leaves the run alone; `perdure remote attach HOST` comes back to it.
#
# usage: scripts/run_early_persistence_remote.sh HOST [options of perdure remote run]
#        scripts/run_early_persistence_remote.sh user@gpu-box --recipe gpu
set -euo pipefail

if [ $# -lt 1 ]; then
  sed -n 's/^# usage: /usage: /p; s/^#        /       /p' "${BASH_SOURCE[0]}" >&2
  exit 2
fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."
make --no-print-directory setup >&2
exec .venv/bin/perdure remote run "$@" --branch early-persistence/magvit
