# shellcheck shell=bash
# How cargo is called: always for the whole workspace with all features and the tests' dependencies, so that every
# call asks for the same features of every crate and nothing is compiled twice. A call for one package (`-p`) would
# resolve other features, and compile half of the tree again beside the first.

WHOLE=(--locked --workspace --all-features)

need_rust() {
    command -v cargo >/dev/null || { echo "there is no cargo: install Rust (https://rustup.rs)" >&2; exit 2; }
}

# Test programs and the binaries that some of them start. Each part asks; only the first has something to do.
build_tests() {
    cargo build "${WHOLE[@]}" --bins --tests
}

# run_kind KIND [FLAG...]: the test programs of a kind, and what the flags of `cargo test` add.
run_kind() {
    local kind="$1" names name flags=("${@:2}")
    names="$(targets "$kind")"
    [ -n "$names" ] || { echo "there is no test program of the kind '$kind'" >&2; return 1; }
    for name in $names; do flags+=(--test "$name"); done
    build_tests
    cargo test "${WHOLE[@]}" --no-fail-fast "${flags[@]}"
}

# targets KIND: the names of its test programs (see targets.py).
targets() {
    cargo metadata --locked --no-deps --format-version 1 | python3 "$ROOT/scripts/lib/targets.py" "$1"
}

# Where the released binaries are.
release_dir() {
    binary_dir | sed 's|/debug$|/release|'
}

# Where the binaries are.
binary_dir() {
    cargo metadata --locked --no-deps --format-version 1 |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])' | sed 's|$|/debug|'
}
