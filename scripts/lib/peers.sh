# shellcheck shell=bash
# Stock Socket.IO peers for tests and benchmarks: `source` this, then call `peers_node` or `peers_python`.
#
# Each installs what its lock says, once (a stamp holds the hash of the lock and of the interpreter), says so on
# standard error, and sets what a caller needs: PEERS_NODE_DIR, PEERS_PYTHON (the interpreter), PEERS_PYTHON_DIR.
# Where it cannot, it prints `SKIP <part>: <reason>` and returns 1.

PEERS_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
PEERS_CACHE="$PEERS_ROOT/.cache"
export PEERS_NODE_DIR="$PEERS_ROOT/tests/peers/node"
export PEERS_PYTHON_DIR="$PEERS_ROOT/tests/peers/python"
export PEERS_PYTHON="$PEERS_CACHE/venv/bin/python"

# peers_node: Node with socket.io and socket.io-client.
peers_node() {
    local want log="$PEERS_CACHE/peers-node.log"
    command -v node >/dev/null || { echo "SKIP node peers: there is no node"; return 1; }
    command -v npm >/dev/null || { echo "SKIP node peers: there is no npm"; return 1; }
    want="$(peers_hash "$(node --version)" "$PEERS_NODE_DIR/package-lock.json")"
    [ -d "$PEERS_NODE_DIR/node_modules/socket.io" ] && peers_stamped node "$want" && return 0
    echo "installing the Node peers (socket.io, socket.io-client) ..." >&2
    mkdir -p "$PEERS_CACHE"
    if ! (cd "$PEERS_NODE_DIR" && npm ci --no-audit --no-fund) >"$log" 2>&1; then
        echo "SKIP node peers: npm cannot install them; ${log#"$PEERS_ROOT"/} says why"
        return 1
    fi
    peers_stamp node "$want"
}

# peers_python: Python with python-socketio and aiohttp, in a virtual environment.
peers_python() {
    local want log="$PEERS_CACHE/peers-python.log" lock="$PEERS_PYTHON_DIR/requirements.txt"
    command -v python3 >/dev/null || { echo "SKIP python peers: there is no python3"; return 1; }
    want="$(peers_hash "$(python3 --version)" "$lock")"
    [ -x "$PEERS_PYTHON" ] && peers_stamped python "$want" && return 0
    echo "installing the Python peers (python-socketio, aiohttp) ..." >&2
    mkdir -p "$PEERS_CACHE"
    if ! { python3 -m venv --clear "$PEERS_CACHE/venv" &&
        "$PEERS_PYTHON" -m pip install --quiet --disable-pip-version-check --no-deps -r "$lock"; } >"$log" 2>&1; then
        echo "SKIP python peers: pip cannot install them; ${log#"$PEERS_ROOT"/} says why"
        return 1
    fi
    peers_stamp python "$want"
}

peers_hash() {
    { echo "$1"; cat "$2"; } | sha256sum | cut -d ' ' -f 1
}

peers_stamped() {
    [ "$(cat "$PEERS_CACHE/peers-$1.stamp" 2>/dev/null)" = "$2" ]
}

peers_stamp() {
    echo "$2" >"$PEERS_CACHE/peers-$1.stamp"
}
