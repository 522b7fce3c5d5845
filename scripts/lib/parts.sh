# shellcheck shell=bash
# The parts of the test command. Each is a function `part_NAME` that returns 0, an error, or SKIPPED after it said
# `SKIP NAME: reason`. They run in this order, the quick ones first.

PARTS=(fmt lint workflows docs golden schema rust model sim e2e peers library python kotlin swift scenarios supply)
SKIPPED=77

list_parts() {
    cat <<'EOF'
fmt     the formatting of the Rust files
lint    clippy on everything, warnings are errors
workflows  the workflows of .github (actionlint, by Go) and the scripts (shellcheck)
docs    rustdoc without warnings, links in the documents, the coverage table
golden  the golden files of the protocol
schema  JSON Schema and TypeScript are those of the types; the TypeScript compiler takes them
rust    unit, engine and integration tests of each crate, and the examples in the documentation
model   the model of the ledger, state by state
sim     the simulation of clients, network and server with crashes and partitions
e2e     what crosses crates: real sockets, real processes
peers   with stock Socket.IO programs from npm and PyPI
library the library that the packages carry, and its size
python  the Python package: types, tests, scenarios, the wheel in an empty environment
kotlin  the Kotlin package: tests, scenarios, the jar in an empty project
swift   the Swift package: tests, scenarios, used from another package
scenarios  what every language shows under the same name, and that none is missing
supply  licences, sources and duplicates of the dependencies (needs cargo-deny)
EOF
}

is_part() {
    [[ " ${PARTS[*]} " == *" $1 "* ]]
}

skip() {
    echo "SKIP $1: $2"
    return "$SKIPPED"
}

part_fmt() {
    cargo fmt --version >/dev/null 2>&1 || skip fmt "rustfmt is not installed (rustup component add rustfmt)"
    cargo fmt --all --check
}

part_lint() {
    cargo clippy --version >/dev/null 2>&1 || skip lint "clippy is not installed (rustup component add clippy)"
    cargo clippy "${WHOLE[@]}" --all-targets -- -D warnings
}

# actionlint, in one version, by Go's own installer.
ACTIONLINT=github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

part_workflows() {
    local bin="$ROOT/.cache/bin" log="$ROOT/.cache/actionlint.log"
    command -v shellcheck >/dev/null || skip workflows "there is no shellcheck (a package of most systems)"
    shellcheck -x -S warning scripts/*.sh scripts/lib/*.sh .ci/run
    if [ ! -x "$bin/actionlint" ]; then
        command -v go >/dev/null || skip workflows "there is no Go to install actionlint with"
        mkdir -p "$bin"
        GOBIN="$bin" go install "$ACTIONLINT" >"$log" 2>&1 ||
            skip workflows "Go cannot install actionlint; .cache/actionlint.log says why"
    fi
    "$bin/actionlint" .github/workflows/*.yml
}

part_docs() {
    # With `--examples` cargo resolves the tests' features as well, which clippy has checked already.
    RUSTDOCFLAGS="${RUSTDOCFLAGS:-} -D warnings" cargo doc "${WHOLE[@]}" --no-deps --lib --examples
    python3 scripts/check-links.py
    python3 scripts/check-coverage.py
}

part_golden() { run_kind golden; }

part_schema() {
    run_kind schema
    "$(binary_dir)/keepline-schema" --check
    check_typescript
}

# The TypeScript compiler over the generated declarations, with the typings of stock Socket.IO.
check_typescript() {
    local check="$ROOT/protocol/schema/check" log="$ROOT/.cache/schema-npm.log"
    if ! command -v npm >/dev/null; then
        echo "SKIP schema (TypeScript): there is no npm"
        return 0
    fi
    mkdir -p "$ROOT/.cache"
    if [ "$check/node_modules/.package-lock.json" -nt "$check/package-lock.json" ]; then
        (cd "$check" && npm test)
        return
    fi
    if ! (cd "$check" && npm ci --no-audit --no-fund) >"$log" 2>&1; then
        echo "SKIP schema (TypeScript): npm cannot install the compiler; .cache/schema-npm.log says why"
        return 0
    fi
    (cd "$check" && npm test)
}

part_rust() {
    run_kind rust --lib --bins
    # The library for the other languages has no examples in Rust.
    cargo test "${WHOLE[@]}" --exclude keepline-ffi --no-fail-fast --doc
}

part_model() { run_kind model; }

part_sim() { run_kind sim; }

part_e2e() { run_kind e2e; }

part_peers() {
    # shellcheck source=scripts/lib/peers.sh
    source scripts/lib/peers.sh
    peers_node || return "$SKIPPED"
    peers_python || return "$SKIPPED"
    run_kind peers
}

part_library() {
    languages
    library_build
    library_size
}

part_python() { languages; tested python; }

part_kotlin() { languages; tested kotlin; }

part_swift() { languages; tested swift; }

# What a part of this run has shown already is not shown again.
part_scenarios() {
    local language status=0
    languages
    scenarios_of rust || status=1
    for language in "${LANGUAGES[@]}"; do
        was_tested "$language" || scenarios_of "$language" || status=1
    done
    scenario_grid && return "$status"
}

languages() {
    # shellcheck source=scripts/lib/languages.sh
    source scripts/lib/languages.sh
}

# Whether its part ran before, in this call of the test command.
was_tested() {
    [ "$SCENARIO_LOGS/$1.log" -nt "$RUN_STAMP" ]
}

part_supply() {
    command -v cargo-deny >/dev/null || skip supply "cargo-deny is not installed (cargo install cargo-deny --locked)"
    cargo deny --locked --all-features check bans licenses sources
}
