# shellcheck shell=bash
# What the claims about languages need for Rust; see languages.sh.

rust_prepare() { :; }

rust_claim() {
    case "$1" in
        ten-lines) rust_ten_lines ;;
        *) echo "SKIP rust: '$1' is shown by another claim"; return "$SKIPPED" ;;
    esac
}

# The program of the README in a package of its own, run while there is no server, which is then started.
rust_ten_lines() {
    local folder="$ROOT/.cache/ten-lines/rust" card status=0
    rm -rf "$folder"
    mkdir -p "$folder/src"
    readme_block rust >"$folder/src/main.rs"
    cat >"$folder/Cargo.toml" <<TOML
[package]
name = "ten-lines"
edition = "2024"
[workspace]
[dependencies]
keepline = { path = "$ROOT/client-core" }
tokio = { version = "1", features = ["macros", "rt-multi-thread"] }
TOML
    cp "$ROOT/Cargo.lock" "$folder/Cargo.lock"
    (cd "$folder" && cargo build --quiet --target-dir "$ROOT/.cache/ten-lines/target")
    echo "lines of the program: $(grep -cv '^ *\(use .*\)\?$' "$folder/src/main.rs")"
    card="$(host_server_away "$ROOT/docs")"
    (cd "$folder" && KEEPLINE_URL="$(card_field "$card" url)" KEEPLINE_TOKEN="$(card_field "$card" token)" \
        timeout 120 "$ROOT/.cache/ten-lines/target/debug/ten-lines" >out) &
    host_wait_for_rows "$folder/queue.db" 1
    echo "actions in the queue before the server was started: 1"
    host_call POST "/servers/$(card_field "$card" id)/start" '{}' >/dev/null
    wait $! || status=$?
    host_call DELETE "/servers/$(card_field "$card" id)" '' >/dev/null
    echo "lines that it printed: $(wc -l <"$folder/out")"
    [ "$status" -eq 0 ] && [ -s "$folder/out" ]
}
