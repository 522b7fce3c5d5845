#!/usr/bin/env bash
# Shows one of the things that Keepline promises: starts real processes, prints what was measured beside what was
# promised, and exits with 0 only if it holds.
#
#   scripts/show.sh NAME [--json] [--seed N]
#   scripts/show.sh NAME [LANGUAGE...]         for a claim about the packages
#   scripts/show.sh --list
#
# Builds what it needs first and installs what a claim needs besides (strace by apt, peers by npm and pip). A claim
# that cannot run here prints `SKIP NAME: reason` and exits with 0.
#
# CARGO_BUILD_JOBS (default 2) and CARGO_TARGET_DIR are obeyed.

set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
ROOT="$PWD"
export CARGO_BUILD_JOBS="${CARGO_BUILD_JOBS:-2}"

# shellcheck source=scripts/lib/cargo.sh
source scripts/lib/cargo.sh
# shellcheck source=scripts/lib/claims.sh
source scripts/lib/claims.sh
# shellcheck source=scripts/lib/language_claims.sh
source scripts/lib/language_claims.sh

main() {
    local name="${1:-}"
    case "$name" in
        -h | --help) usage; return ;;
        "") usage >&2; return 2 ;;
        --list) list_claims; return ;;
        -*) echo "the name of a claim comes first; --list names them" >&2; return 2 ;;
    esac
    need_rust
    # A claim that is a script of its own is a function here; every other is one of the program `show`.
    if declare -F "claim_${name//-/_}" >/dev/null; then
        "claim_${name//-/_}" "${@:2}"
        return
    fi
    build_show
    if declare -F "need_${name//-/_}" >/dev/null; then "need_${name//-/_}" || return 0; fi
    "$(binary_dir)/show" "$@"
}

# What stands at the top of this file.
usage() { sed -n '2,/^$/s/^# \{0,1\}//p' scripts/show.sh; }

# On one line, so that a change of this file while it runs changes nothing.
main "$@"; exit
