# shellcheck shell=bash
# The packages of the other languages: their tests, their scenarios, and the grid of all. `source` this after cargo.sh.
#
# Each language has `scripts/lib/LANGUAGE.sh` with `LANGUAGE_prepare`, `LANGUAGE_test`, `LANGUAGE_scenarios` and
# `LANGUAGE_claim`; the library and the host of the scenarios are given to it in the environment.

# shellcheck source=scripts/lib/library.sh
source "$ROOT/scripts/lib/library.sh"
# shellcheck source=scripts/lib/peers.sh
source "$ROOT/scripts/lib/peers.sh"

LANGUAGES=(python kotlin swift)
SCENARIO_LOGS="$ROOT/.cache/scenarios"

# language_run LANGUAGE FUNCTION [ARGUMENT...]: prepares a language and runs one of its functions beside the host.
language_run() {
    HOST_SERVERS="${HOST_SERVERS:-}" "$ROOT/scripts/lib/language.sh" "$@"
}

# language_ready LANGUAGE: what every language needs: binaries, the library, stock peers and the host.
language_ready() {
    local said
    build_tests
    library_build
    if ! said="$(peers_node && peers_python)"; then
        echo "SKIP $1: ${said#SKIP }"
        return "$SKIPPED"
    fi
    host_start
}

# Starts the host of the scenarios. It ends with this shell, in whatever way that ends.
host_start() {
    local line
    [ -z "${KEEPLINE_SCENARIO_HOST:-}" ] || return 0
    coproc HOST {
        KEEPLINE_BIN_DIR="${HOST_SERVERS:-$(binary_dir)}" exec "$(binary_dir)/scenario-host" --with-stdin
    }
    # Its standard input ends when the last one who holds this end is gone.
    exec {HOST_STDIN}>&"${HOST[1]}"
    read -r line <&"${HOST[0]}"
    export KEEPLINE_SCENARIO_HOST="${line#scenario-host listening on }"
    trap host_stop EXIT
}

# What is measured is measured against the server as it is released.
host_with_released_server() {
    cargo build --locked --release -p keepline-server --bin keepline-server
    HOST_SERVERS="$(release_dir)"
}

host_stop() {
    exec {HOST_STDIN}>&- || true
    kill "$HOST_PID" 2>/dev/null || true
}

# scenarios_of LANGUAGE: runs its scenarios and keeps what they say.
scenarios_of() {
    mkdir -p "$SCENARIO_LOGS"
    if [ "$1" = rust ]; then
        RUST_TEST_NOCAPTURE=1 run_kind scenarios 2>&1 | tee "$SCENARIO_LOGS/rust.log"
    else
        language_run "$1" "$1_scenarios" 2>&1 | tee "$SCENARIO_LOGS/$1.log"
    fi
}

# The grid of what the logs say: a row for each scenario, a column for each language.
scenario_grid() {
    local name language cell missing=0 names
    names="$(sed -n 's/^| \([a-z]*_[a-z_]*\) | .*/\1/p' "$ROOT/tests/scenarios.md")"
    printf '%-50s' scenario; printf ' %-7s' rust "${LANGUAGES[@]}"; echo
    for name in $names; do
        printf '%-50s' "$name"
        for language in rust "${LANGUAGES[@]}"; do
            cell="$(scenario_cell "$name" "$language")"
            [ "$cell" != MISSING ] || missing=$((missing + 1))
            printf ' %-7s' "$cell"
        done
        echo
    done
    echo "scenarios: $(wc -w <<<"$names"), languages: $((1 + ${#LANGUAGES[@]})), fields missing: $missing"
    [ "$missing" -eq 0 ]
}

# A language that cannot run here has said so.
scenario_cell() {
    local log="$SCENARIO_LOGS/$2.log"
    if grep -qs "scenario $1 $2 ok" "$log"; then
        echo ok
    elif grep -qs "^SKIP $2" "$log"; then
        echo skipped
    else
        echo MISSING
    fi
}

# tested LANGUAGE: everything that its package has to show; its scenarios are kept for the grid.
tested() {
    mkdir -p "$SCENARIO_LOGS"
    rm -f "$SCENARIO_LOGS/$1.log"
    language_run "$1" "$1_test" 2>&1 | tee "$SCENARIO_LOGS/$1.log"
}

# readme_block LANGUAGE: the first block of the README in this language, as it stands there.
readme_block() {
    awk -v fence="^\`\`\`$1" '$0 ~ fence { inside = 1; next } /^```/ && inside { exit } inside' "$ROOT/README.md"
}

# host_call METHOD PATH BODY: asks the host of the scenarios.
host_call() {
    python3 - "$@" <<'PY'
import os, sys, urllib.request
method, path, body = sys.argv[1:4]
call = urllib.request.Request(
    os.environ["KEEPLINE_SCENARIO_HOST"] + path, body.encode() or None, {"content-type": "application/json"}, method=method
)
print(urllib.request.urlopen(call, timeout=70).read().decode())
PY
}

# host_server_away CORPUS: the card of a server that has a token to give and does not run.
host_server_away() {
    local card
    card="$(host_call POST /servers "{\"args\":[\"--corpus\",\"$1\"]}")"
    host_call POST "/servers/$(card_field "$card" id)/kill" '{}' >/dev/null
    echo "$card"
}

# card_field CARD NAME: a field of a server's card.
card_field() {
    python3 -c 'import json, sys; print(json.loads(sys.argv[1])[sys.argv[2]])' "$1" "$2"
}

# host_wait_for_rows DATABASE COUNT: until so many actions are durable in it, half a minute at the most.
host_wait_for_rows() {
    local tries rows
    for ((tries = 0; tries < 300; tries++)); do
        rows="$("$(binary_dir)/keepline" --db "$1" --url ws://localhost --json queue list 2>/dev/null | wc -l || true)"
        [ "$rows" -lt "$2" ] || return 0
        sleep 0.1
    done
    echo "the action did not reach the queue" >&2
    return 1
}
