#!/usr/bin/env bash
# The longer proofs: what the test command shows with a few seeds, shown with many. docs/proof.md has the figures that
# they last gave.
#
#   scripts/prove.sh                 every proof, with the default counts (about half an hour on two cores)
#   scripts/prove.sh sim [SEEDS]     the simulation with so many seeds (default 2000)
#   scripts/prove.sh planted [SEEDS] in how many of so many seeds the simulation finds each planted fault (default 60)
#   scripts/prove.sh kills [RUNS]    processes killed with -9: the claim `exactly-once` so often, each with a seed of its
#                                    own (default 20)
#   scripts/prove.sh cuts [RUNS]     connections cut in mid-frame: the claim `cuts` so often (default 10)
#
# Ends with the status 0 only if every proof holds; each seed that finds something is printed.
#
# CARGO_BUILD_JOBS (default 2) and CARGO_TARGET_DIR are obeyed.

set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
ROOT="$PWD"
export CARGO_BUILD_JOBS="${CARGO_BUILD_JOBS:-2}"

# shellcheck source=scripts/lib/cargo.sh
source scripts/lib/cargo.sh

main() {
    need_rust
    case "${1:-all}" in
        all) prove_sim 2000 && prove_planted 60 && prove_claim exactly-once 20 && prove_claim cuts 10 ;;
        sim) prove_sim "${2:-2000}" ;;
        planted) prove_planted "${2:-60}" ;;
        kills) prove_claim exactly-once "${2:-20}" ;;
        cuts) prove_claim cuts "${2:-10}" ;;
        -h | --help) sed -n '2,/^$/s/^# \{0,1\}//p' scripts/prove.sh ;;
        *) echo "there is no proof '$1'; --help names them" >&2; return 2 ;;
    esac
}

prove_sim() {
    echo "== the simulation, $1 seeds =="
    KEEPLINE_SIM_SEEDS="$1" cargo test "${WHOLE[@]}" --test simulation -- --nocapture
}

prove_planted() {
    echo "== planted faults, $1 seeds each =="
    KEEPLINE_SIM_SEEDS="$1" cargo test "${WHOLE[@]}" --test sim_planted -- --nocapture
}

prove_claim() {
    local run
    build_tests
    for ((run = 1; run <= $2; run++)); do
        echo "== $1, run $run of $2 =="
        "$(binary_dir)/show" "$1" --seed "$run"
    done
}

main "$@"
