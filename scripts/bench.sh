#!/usr/bin/env bash
# Measures every row of the table of budgets beside the plain things it is compared with, in one run: a bare
# tokio-tungstenite echo, a Node client and server, SQLite alone. Prints one JSON object a row
# (`{name, value, unit, baseline, ratio}`, with a `reason` where something is absent) and a table on standard error.
#
#   scripts/bench.sh [--json FILE] [--write] [--runs N] [--herd N] [--only GROUP] [--dir DIR]
#   scripts/bench.sh --from FILE --write --date WHEN
#
#   --json FILE   the rows into this file as well
#   --write       the table into docs/performance.md
#   --from FILE   measure nothing, take the rows of an earlier run
#   --date WHEN   when they were measured (default: now)
#   --runs N      how often each row is measured; the median counts (default 3)
#   --herd N      how many clients the large herd has (default 5000)
#   --only GROUP  line, durable, drain, open, idle, herd or languages
#   --dir DIR     where databases go; their disk counts (default: the system's temporary folder)
#
# The figures of Swift, Kotlin and Python stand in a table of their own; they are measured last.
#
# Takes some minutes, after a release build. Figures of a busy machine are slow figures: the load average is printed
# beside them. Without Node the ratios to it are null, with the reason.
#
# CARGO_BUILD_JOBS (default 2) and CARGO_TARGET_DIR are obeyed.

set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
ROOT="$PWD"
export CARGO_BUILD_JOBS="${CARGO_BUILD_JOBS:-2}"

# shellcheck source=scripts/lib/cargo.sh
source scripts/lib/cargo.sh
# shellcheck source=scripts/lib/peers.sh
source scripts/lib/peers.sh
# What a part that cannot run returns.
SKIPPED=77
# shellcheck source=scripts/lib/languages.sh
source scripts/lib/languages.sh

main() {
    local flags=() reason when only="" json="" write="" from=""
    when="$(date -u '+%Y-%m-%d %H:%M UTC')"
    while [ $# -gt 0 ]; do
        case "$1" in
            -h | --help) sed -n '2,/^$/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; return ;;
            --write) write="$ROOT/docs/performance.md"; flags+=(--write "$write"); shift ;;
            --date) [ $# -ge 2 ] || { echo "$1 needs a value" >&2; return 2; }; when="$2"; shift 2 ;;
            --json | --runs | --herd | --only | --dir | --from)
                [ $# -ge 2 ] || { echo "$1 needs a value" >&2; return 2; }
                flags+=("$1" "$2")
                case "$1" in --only) only="$2" ;; --json) json="$2" ;; --from) from="$2" ;; esac
                shift 2 ;;
            *) echo "unknown flag $1; --help names them" >&2; return 2 ;;
        esac
    done
    need_rust
    if [ "$only" = languages ]; then
        measure_languages "$when" "$write" "$json"
        return
    fi
    # A herd of 5,000 clients needs as many sockets on either side.
    ulimit -n "$(ulimit -Hn)" || true
    # Only what is measured and without the tests' features: what is fast here is what is released.
    cargo build --locked --release -p keepline-server -p keepline-tests \
        --bin keepline-server --bin bench --bin bare-echo >&2
    reason="$(peers_node)" || flags+=(--no-node "${reason#SKIP }")
    if [ -z "$only$from" ]; then
        library_build >&2
        flags+=(--library "$KEEPLINE_LIBRARY_STRIPPED")
    fi
    "$(release_dir)/bench" --date "$when" "${flags[@]}"
    if [ -z "$only$from" ]; then measure_languages "$when" "$write" "$json"; fi
}

# measure_languages WHEN DOCUMENT JSON: what each language's claims measure, beside its peer.
measure_languages() {
    local language claim folder="$ROOT/.cache/figures" write=()
    rm -rf "$folder"
    mkdir -p "$folder"
    host_with_released_server >&2
    for language in "${LANGUAGES[@]}"; do
        for claim in crossing end-to-end; do
            echo "measuring $language, $claim ..." >&2
            # A target that is missed is a figure too.
            (language_run "$language" "${language}_claim" "$claim") >"$folder/$language.$claim.log" 2>&1 || true
        done
    done
    [ -z "$2" ] || write=(--write "$2" --date "$1")
    python3 scripts/lib/language_figures.py "$folder" "${write[@]}" | tee ${3:+-a "$3"}
}

main "$@"
