# shellcheck shell=bash
# What the claims of `scripts/show.sh` need besides the workspace's binaries. `need_NAME` installs what a claim needs
# and returns 0, or prints `SKIP NAME: reason` and returns 1. `claim_NAME` is a claim that is a script of its own.

FRESH_CLONE_SECONDS_MAX=600

list_claims() {
    build_show
    "$(binary_dir)/show" --list
    printf '%-24s %s\n' fresh-clone "A fresh clone without build caches runs scripts/demo.sh to its true summary in under 10 minutes"
    printf '%-24s %s\n' figures "Every row of the budgets is measured beside its baselines in one run; takes some minutes"
    printf '%-24s %s\n' tests "The test command is green"
    list_language_claims
}

build_show() {
    cargo build --quiet "${WHOLE[@]}" --bins
}

need_durable_before_told() {
    apt_program strace durable-before-told
}

need_stock_clients() { need_peers stock-clients; }

need_conformance() { need_peers conformance; }

need_plain_mode() { need_peers plain-mode; }

# need_peers NAME: the stock Socket.IO programs, from npm and PyPI.
need_peers() {
    # shellcheck source=scripts/lib/peers.sh
    source "$ROOT/scripts/lib/peers.sh"
    local said
    said="$(peers_node && peers_python)" && return 0
    echo "SKIP $1: ${said#SKIP }"
    return 1
}

# apt_program PROGRAM NAME: a program that a Debian package of its name brings.
apt_program() {
    local as_root=()
    command -v "$1" >/dev/null && return 0
    [ "$(id -u)" = 0 ] || as_root=(sudo -n)
    if command -v apt-get >/dev/null; then
        echo "installing $1 ..." >&2
        { "${as_root[@]}" apt-get update -qq && "${as_root[@]}" apt-get install -y -qq "$1"; } >/dev/null 2>&1 || true
    fi
    command -v "$1" >/dev/null && return 0
    echo "SKIP $2: there is no $1, and apt-get cannot install it"
    return 1
}

# What a newcomer does: clone, run the demo. Sources of dependencies may be in cargo's own cache, nothing compiled is.
claim_fresh_clone() {
    local dir began seconds last holds=false number='[1-9][0-9]*'
    local told="^demo: queued ($number), delivered ($number), duplicates 0, events missed 0, reconnected in [0-9]+ ms$"
    dir="$(mktemp -d "${TMPDIR:-/tmp}/keepline-fresh.XXXXXX")"
    # shellcheck disable=SC2064  # the folder of now is meant
    trap "rm -rf '$dir'" EXIT
    git clone --quiet "$ROOT" "$dir/keepline"
    began=$SECONDS
    env -u CARGO_TARGET_DIR -u RUSTC_WRAPPER -u CARGO_INCREMENTAL \
        "$dir/keepline/scripts/demo.sh" </dev/null >"$dir/out" 2>"$dir/err" || tail -5 "$dir/err" >&2
    seconds=$((SECONDS - began))
    last="$(tail -n 1 "$dir/out")"
    if [[ "$last" =~ $told ]] && [ "${BASH_REMATCH[1]}" = "${BASH_REMATCH[2]}" ]; then holds=true; fi
    if [ "$seconds" -ge "$FRESH_CLONE_SECONDS_MAX" ]; then holds=false; fi
    if [ "${1:-}" = --json ]; then
        printf '{"claim":"fresh-clone","holds":%s,"seconds":%s,"seconds_max":%s,"last_line":"%s"}\n' \
            "$holds" "$seconds" "$FRESH_CLONE_SECONDS_MAX" "$last"
    else
        echo "last line of the demo: $last"
        echo "seconds from the clone to the end: $seconds (expected below $FRESH_CLONE_SECONDS_MAX)"
        if "$holds"; then echo "fresh-clone: holds"; else echo "fresh-clone: DOES NOT HOLD"; fi
    fi
    "$holds"
}

# The rows of docs/performance.md, measured now: each has a value, whatever it is.
claim_figures() {
    local dir name missing=()
    dir="$(mktemp -d "${TMPDIR:-/tmp}/keepline-figures.XXXXXX")"
    # shellcheck disable=SC2064  # the folder of now is meant
    trap "rm -rf '$dir'" EXIT
    "$ROOT/scripts/bench.sh" --json "$dir/rows"
    for name in "${FIGURES[@]}"; do
        grep -qE "\"name\":\"$name\",\"value\":[0-9]" "$dir/rows" || missing+=("$name")
    done
    echo "rows with a value: $((${#FIGURES[@]} - ${#missing[@]})) of ${#FIGURES[@]}"
    if [ "${#missing[@]}" -gt 0 ]; then
        echo "figures: DOES NOT HOLD, without a value: ${missing[*]}"
        return 1
    fi
    echo "figures: holds"
}

# One row at least for each budget.
FIGURES=(echo_p50 acks_per_second acks_per_second_beside_node events_per_second_beside_node submit_p50
    durable_actions_per_second drain_100000 drain_100000_memory_over_idle open_1000000_queued idle_connection_bytes
    idle_client_wake_ups back_online_100_clients_p99 herd_5000_all_back herd_5000_largest_second)

# The whole test command.
claim_tests() {
    if "$ROOT/scripts/test.sh"; then echo "tests: holds"; else echo "tests: DOES NOT HOLD"; return 1; fi
}
