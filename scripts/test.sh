#!/usr/bin/env bash
# Runs the tests: all of them, or the parts that are named. `--list` says which there are.
#
#   scripts/test.sh              every part
#   scripts/test.sh rust model   these two
#   scripts/test.sh --list
#
# A part that cannot run here prints `SKIP part: reason`. The last line is `N passed, N failed, N skipped` and counts
# parts; the exit status is 0 where none failed. Needs Rust, and uses Node, Python and cargo-deny where they are.
#
# CARGO_BUILD_JOBS (default 2) and CARGO_TARGET_DIR are obeyed.

set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
ROOT="$PWD"
export CARGO_BUILD_JOBS="${CARGO_BUILD_JOBS:-2}"
export CARGO_TERM_COLOR="${CARGO_TERM_COLOR:-auto}"

# shellcheck source=scripts/lib/cargo.sh
source scripts/lib/cargo.sh
# shellcheck source=scripts/lib/parts.sh
source scripts/lib/parts.sh

main() {
    local part wanted=()
    if [ "${1:-}" = --list ]; then
        list_parts
        return 0
    fi
    for part in "$@"; do
        is_part "$part" || { echo "there is no part '$part'; --list names them" >&2; return 2; }
        wanted+=("$part")
    done
    [ "${#wanted[@]}" -gt 0 ] || wanted=("${PARTS[@]}")
    need_rust
    mkdir -p .cache
    RUN_STAMP="$(mktemp .cache/run.XXXXXX)"
    trap 'rm -f "$RUN_STAMP"' EXIT
    run_parts "${wanted[@]}"
}

# Each part runs in a subshell, so that its failure ends it at once and no other part.
run_parts() {
    local part number=0 status passed=0 failed=() skipped=() began
    for part in "$@"; do
        number=$((number + 1))
        began=$SECONDS
        echo "== step $number of $#: $part =="
        # Not in a condition: that would switch `set -e` off inside.
        set +e
        (set -e; "part_$part")
        status=$?
        set -e
        case "$status" in
            0) passed=$((passed + 1)); echo "== $part: passed in $((SECONDS - began)) s ==" ;;
            "$SKIPPED") skipped+=("$part") ; echo "== $part: skipped ==" ;;
            *) failed+=("$part"); echo "== $part: FAILED after $((SECONDS - began)) s ==" ;;
        esac
        echo
    done
    [ "${#skipped[@]}" -eq 0 ] || echo "skipped: ${skipped[*]}"
    [ "${#failed[@]}" -eq 0 ] || echo "failed: ${failed[*]}"
    echo "$passed passed, ${#failed[@]} failed, ${#skipped[@]} skipped"
    [ "${#failed[@]}" -eq 0 ]
}

main "$@"
