#!/usr/bin/env bash
# Searches with the Kotlin example, after building what it needs:
#
#   examples/kotlin/run.sh URL TOKEN WORD...
#
# URL and TOKEN are those that `keepline-server serve --dev` prints. The queue is search.db in the current folder, or
# what KEEPLINE_DATABASE names.

set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
export KEEPLINE_DATABASE="${KEEPLINE_DATABASE:-$PWD/search.db}"

# shellcheck source=scripts/lib/cargo.sh
source "$ROOT/scripts/lib/cargo.sh"
# shellcheck source=scripts/lib/kotlin.sh
source "$ROOT/scripts/lib/kotlin.sh"

(cd "$ROOT" && kotlin_prepare)
kotlin_mvn "$ROOT/examples/kotlin/pom.xml" compile exec:java -Dexec.args="$*"
