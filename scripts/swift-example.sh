#!/usr/bin/env bash
# Starts the Swift example against a server that runs: `KEEPLINE_TOKEN=… scripts/swift-example.sh QUERY`.
#
# KEEPLINE_URL is http://127.0.0.1:8080 unless set. Prepares what is needed first: the library, the generated code, and
# where the machine has no Swift 6 a toolchain below `.cache/swift`.

set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
export CARGO_BUILD_JOBS="${CARGO_BUILD_JOBS:-2}"
cd "$ROOT"

# shellcheck source=scripts/lib/cargo.sh
source scripts/lib/cargo.sh
# shellcheck source=scripts/lib/library.sh
source scripts/lib/library.sh
# shellcheck source=scripts/lib/swift.sh
source scripts/lib/swift.sh

if [ $# -eq 0 ] || [ -z "${KEEPLINE_TOKEN:-}" ]; then
    sed -n '2,/^$/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
fi
swift_prepare
swift_build "$SWIFT_EXAMPLE" --product search >&2
cd "$SWIFT_EXAMPLE"
swift_run .build/debug/search "$@"
